package main

import (
	"slices"
	"testing"
)

func TestSpread(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{4, 1}, spread{2.5, 1, 4}},
		{[]float64{9, 1, 2}, spread{2, 1, 9}},
		{[]float64{5, 4, 1, 2}, spread{3, 1, 5}},
	} {
		given := slices.Clone(c.values)
		if got := spreadOf(c.values); got != c.want {
			t.Errorf("the spread of %v is %v, want %v", given, got, c.want)
		}
		if !slices.Equal(given, c.values) {
			t.Errorf("%v became %v", given, c.values)
		}
	}
}

// A turn is compared with its neighbour, by their mean steps.
func TestTurnsAreComparedOneByOne(t *testing.T) {
	t.Parallel()
	ours, theirs := [][]float64{{1, 3}, {4, 4}}, [][]float64{{3, 3}, {2, 2}}
	if got, want := ratios(theirs, ours), []float64{1.5, 0.5}; !slices.Equal(got, want) {
		t.Errorf("ratios are %v, want %v", got, want)
	}
	if got, want := rates(ours, 8), []float64{4, 2}; !slices.Equal(got, want) {
		t.Errorf("rates are %v, want %v", got, want)
	}
}
