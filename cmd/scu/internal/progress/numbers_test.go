package progress

import (
	"math"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

func TestElapsed(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 400 * time.Millisecond: "0s", 59600 * time.Millisecond: "1m00s", 40 * time.Second: "40s",
		100 * time.Second: "1m40s", time.Hour - time.Millisecond: "1h00m", 125 * time.Minute: "2h05m", 47 * time.Hour: "47h00m", 76 * time.Hour: "3d04h",
	} {
		if got := Elapsed(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 201600336: "201.6 MB", 76_300_000_000: "76.3 GB", math.MaxInt64: "9.2 EB",
	} {
		if got := Bytes(bytes); got != want {
			t.Errorf("%d is %q, want %q", bytes, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for f, want := range map[protocol.Float]string{1.23456: "1.235", 0: "0.000", protocol.Float(math.Inf(1)): "–", protocol.NaN(): "–"} {
		if got := Number(f, 3); got != want {
			t.Errorf("%v is %q, want %q", float64(f), got, want)
		}
	}
}
