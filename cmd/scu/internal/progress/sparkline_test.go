package progress

import (
	"math"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestSparkline(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	cases := map[string]struct {
		values []float64
		width  int
		want   string
	}{
		"nothing":              {nil, 10, ""},
		"no room":              {[]float64{1, 2}, 0, ""},
		"rising":               {[]float64{0, 1, 2, 3, 4, 5, 6, 7}, 10, "▁▂▃▄▅▆▇█"},
		"means of two":         {[]float64{0, 2, 6, 8}, 2, "▁█"},
		"level":                {[]float64{3, 3, 3}, 3, "▅▅▅"},
		"gap":                  {[]float64{0, nan, inf, 1}, 4, "▁  █"},
		"not finite in a mean": {[]float64{0, nan, 1, inf}, 2, "▁█"},
		"never finite":         {[]float64{nan, nan}, 2, "  "},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Sparkline(c.values, c.width); got != c.want {
				t.Errorf("drew %q, want %q", got, c.want)
			}
		})
	}
}

func TestSparklineKeepsItsWidth(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOf(rapid.Float64()).Draw(t, "values")
		width := rapid.IntRange(0, 50).Draw(t, "width")
		if got := utf8.RuneCountInString(Sparkline(values, width)); got != min(width, len(values)) {
			t.Fatalf("%d values in width %d take %d characters", len(values), width, got)
		}
	})
}
