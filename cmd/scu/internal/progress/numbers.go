package progress

import (
	"fmt"
	"strconv"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// Number writes f with so many decimals, or "–" when it is not a finite number.
func Number(f protocol.Float, decimals int) string {
	if !f.Finite() {
		return "–"
	}
	return strconv.FormatFloat(float64(f), 'f', decimals, 64)
}

// Minutes writes a time given in minutes, to the second: "1m40s".
func Minutes(minutes float64) string {
	return Elapsed(time.Duration(minutes * float64(time.Minute)))
}

// Elapsed writes a time in two units at most: "40s", "1m40s", "2h05m", "3d04h".
func Elapsed(d time.Duration) string {
	d = max(0, d).Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// Bytes writes a size in the largest decimal unit that keeps it at least 1: "201.6 MB".
func Bytes(bytes int64) string {
	const unit = 1000
	if bytes < unit {
		return fmt.Sprintf("%d B", bytes)
	}
	size, units := float64(bytes)/unit, "kMGTPE"
	for size >= unit {
		size /= unit
		units = units[1:]
	}
	return fmt.Sprintf("%.1f %cB", size, units[0])
}
