package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Bytes is a size.
type Bytes int64

// units of sizes, the largest first; powers of 1000 come before those of 1024.
var units = []struct {
	name  string
	bytes Bytes
}{
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3},
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
}

// String is exact, and what the file would hold.
func (b Bytes) String() string {
	for _, unit := range units {
		if b != 0 && b%unit.bytes == 0 {
			return fmt.Sprintf("%d %s", b/unit.bytes, unit.name)
		}
	}
	if b == 0 {
		return "0"
	}
	return fmt.Sprintf("%d B", int64(b))
}

var sizeForm = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?\s*[A-Za-z]+$`)

// parseBytes asks for a unit: a bare number is more often meant in MB than in bytes.
func parseBytes(text string) (Bytes, error) {
	text = strings.TrimSpace(text)
	if text == "0" {
		return 0, nil
	}
	if !sizeForm.MatchString(text) {
		return 0, fmt.Errorf("that is not a size with a unit")
	}
	parsed, err := humanize.ParseBytes(text)
	if err != nil || parsed > math.MaxInt64 {
		return 0, fmt.Errorf("that is not a size, or too large")
	}
	return Bytes(parsed), nil
}

// Count is a number of parameters.
type Count int64

var countSuffixes = []struct {
	name string
	of   Count
}{{"T", 1e12}, {"B", 1e9}, {"M", 1e6}, {"K", 1e3}}

// String is exact, and what the file would hold.
func (c Count) String() string {
	for _, suffix := range countSuffixes {
		if c != 0 && c%suffix.of == 0 {
			return fmt.Sprintf("%d%s", c/suffix.of, suffix.name)
		}
	}
	return strconv.FormatInt(int64(c), 10)
}

var countForm = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)\s*([KMBTkmbt]?)$`)

func parseCount(text string) (Count, error) {
	parts := countForm.FindStringSubmatch(strings.TrimSpace(text))
	if parts == nil {
		return 0, fmt.Errorf("that is not a count")
	}
	if parts[2] == "" {
		whole, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("that is not a whole number, or too large")
		}
		return Count(whole), nil
	}
	of := Count(1)
	for _, suffix := range countSuffixes {
		if strings.EqualFold(parts[2], suffix.name) {
			of = suffix.of
		}
	}
	number, err := strconv.ParseFloat(parts[1], 64)
	if product := math.Round(number * float64(of)); err == nil && product < math.MaxInt64 {
		return Count(product), nil
	}
	return 0, fmt.Errorf("that is too large")
}

var durationUnits = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": day, "w": 7 * day,
}

var (
	durationPart = regexp.MustCompile(`([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)`)
	durationForm = regexp.MustCompile(`^(` + durationPart.String() + `)+$`)
)

// ParseDuration reads a time as the file has it, such as 90s or 1d12h.
func ParseDuration(text string) (time.Duration, error) { return parseDuration(text) }

// parseDuration knows days and weeks, which package time does not, and neither signs nor less than a millisecond.
func parseDuration(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	if text == "0" {
		return 0, nil
	}
	if !durationForm.MatchString(text) {
		return 0, fmt.Errorf("that is not a time with a unit")
	}
	total := 0.0
	for _, part := range durationPart.FindAllStringSubmatch(text, -1) {
		number, err := strconv.ParseFloat(part[1], 64)
		if err != nil {
			return 0, fmt.Errorf("that is too long")
		}
		total += number * float64(durationUnits[part[2]])
	}
	if total >= math.MaxInt64 {
		return 0, fmt.Errorf("that is too long")
	}
	return time.Duration(total).Round(time.Millisecond), nil
}

// formatDuration is exact for what parseDuration gives, and what the file would hold.
func formatDuration(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	var text strings.Builder
	for _, unit := range []string{"d", "h", "m", "s", "ms"} {
		if whole := d / durationUnits[unit]; whole > 0 {
			fmt.Fprintf(&text, "%d%s", whole, unit)
			d %= durationUnits[unit]
		}
	}
	return text.String()
}
