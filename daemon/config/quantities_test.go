package config

import (
	"math"
	"testing"
	"time"
)

func TestBytes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Bytes{
		"0": 0, "1 B": 1, "500 MB": 500e6, "500MB": 500e6, "2GiB": 2 << 30, "2 gib": 2 << 30, "1.5 GB": 1.5e9, "1kB": 1000, "1 KiB": 1024, "3T": 3e12,
		" 7 MiB ": 7 << 20,
	} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "500", "-1 MB", "1,5 GB", "1e3 MB", "MB", "1 XB", "NaN MB", "inf GB", "10 EB", "9000000000000 TB", "1 2 MB"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
	for bytes, want := range map[Bytes]string{0: "0", 1: "1 B", 500e6: "500 MB", 2 << 30: "2 GiB", 1e9 + 1: "1000000001 B", math.MaxInt64: "9223372036854775807 B", 1e12: "1 TB"} {
		if got := bytes.String(); got != want {
			t.Errorf("%d is written %q, want %q", int64(bytes), got, want)
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Count{"0": 0, "7B": 7e9, "7b": 7e9, "1.5B": 1.5e9, "500 M": 500e6, "135000000": 135e6, "2K": 2000, "1T": 1e12} {
		if got, err := parseCount(text); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "B", "1.5", "-7B", "7G", "7 GB", "99999999999999999999", "99999999999T", "1e9"} {
		if got, err := parseCount(text); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
	for count, want := range map[Count]string{0: "0", 7e9: "7B", 1.5e9: "1500M", 135: "135"} {
		if got := count.String(); got != want {
			t.Errorf("%d is written %q, want %q", int64(count), got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "90s": 90 * time.Second, "7d": 7 * day, "1d12h": 36 * time.Hour, "1w": 7 * day, "1.5h": 90 * time.Minute, "250ms": 250 * time.Millisecond, "1m30s": 90 * time.Second,
		"0.0001s": 0, // no more is told apart
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%q is %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "90", "-1s", "1 h", "1y", "1h-1m", "s", "1e3s", "99999999999999w", "300y"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q is taken for %s", text, got)
		}
	}
	for duration, want := range map[time.Duration]string{0: "0", 90 * time.Second: "1m30s", 7 * day: "7d", 36 * time.Hour: "1d12h", 250 * time.Millisecond: "250ms"} {
		if got := formatDuration(duration); got != want {
			t.Errorf("%s is written %q, want %q", duration, got, want)
		}
	}
}
