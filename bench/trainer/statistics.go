package main

import "slices"

// spread is a set of measurements in short.
type spread struct {
	Median, Lowest, Highest float64
}

// spreadOf is the spread of at least one value.
func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Lowest: sorted[0], Highest: sorted[n-1]}
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// turnMeans is the mean step time of each turn.
func turnMeans(turns [][]float64) []float64 {
	var means []float64
	for _, seconds := range turns {
		means = append(means, mean(seconds))
	}
	return means
}

// ratios divides turn by turn: above[i] / below[i].
func ratios(above, below [][]float64) []float64 {
	over, under := turnMeans(above), turnMeans(below)
	quotients := make([]float64, len(over))
	for i := range over {
		quotients[i] = over[i] / under[i]
	}
	return quotients
}

// rates is turn by turn how many of count things a step does are done in a second.
func rates(turns [][]float64, count int) []float64 {
	perSecond := turnMeans(turns)
	for i, seconds := range perSecond {
		perSecond[i] = float64(count) / seconds
	}
	return perSecond
}
