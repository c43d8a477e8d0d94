package progress

import (
	"math"
	"testing"
)

func TestBar(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		fraction float64
		want     string
	}{
		"none":         {0, "────"},
		"hardly any":   {0.001, "━───"},
		"half":         {0.5, "━━──"},
		"all but some": {0.9, "━━━━"},
		"all":          {1, "━━━━"},
		"more":         {7, "━━━━"},
		"infinite":     {math.Inf(1), "━━━━"},
		"negative":     {-1, "────"},
		"not a number": {math.NaN(), "────"},
	}
	for name, c := range cases {
		if got := Bar(c.fraction, 4); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
