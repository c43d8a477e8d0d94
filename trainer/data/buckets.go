package data

import (
	"math"
	"slices"
)

// maximumBuckets is how many lengths a job pads to: each is one more program to
// compile, which costs more than a little padding.
const maximumBuckets = 4

// Buckets chooses the lengths that unpacked samples are padded to: at most four,
// ascending, each a multiple of multiple or the block size itself, the last long
// enough for every sample. Among those it takes the ones with the least padding
// in total, and the fewest where more would not help. Lengths are in tokens and
// at most blockSize. No lengths give no buckets.
func Buckets(lengths []int, blockSize, multiple int) []int {
	counts := map[int]int{} // samples by their length rounded up
	for _, length := range lengths {
		counts[min((length+multiple-1)/multiple*multiple, blockSize)]++
	}
	var candidates, samples []int
	for candidate := range counts {
		candidates = append(candidates, candidate)
	}
	slices.Sort(candidates)
	for _, candidate := range candidates {
		samples = append(samples, counts[candidate])
	}
	return leastPadding(candidates, samples)
}

// leastPadding picks at most maximumBuckets of the ascending candidates, the last
// among them, so that padding each sample up to the next pick costs least.
// cost[k][i] is the padded total of the first i candidates with k picks, the
// last of which is candidate i-1.
func leastPadding(candidates, samples []int) []int {
	n := len(candidates)
	if n == 0 {
		return nil
	}
	var cost, previous [maximumBuckets + 1][]int
	for k := range cost {
		cost[k], previous[k] = slices.Repeat([]int{math.MaxInt}, n+1), make([]int, n+1)
	}
	cost[0][0] = 0
	best := 1
	for k := 1; k <= maximumBuckets; k++ {
		for i := 1; i <= n; i++ {
			covered := 0
			for j := i - 1; j >= 0; j-- {
				covered += samples[j]
				if cost[k-1][j] == math.MaxInt {
					continue
				}
				if total := cost[k-1][j] + covered*candidates[i-1]; total < cost[k][i] {
					cost[k][i], previous[k][i] = total, j
				}
			}
		}
		if cost[k][n] < cost[best][n] {
			best = k
		}
	}
	var picks []int
	for k, i := best, n; k > 0; k-- {
		picks = append(picks, candidates[i-1])
		i = previous[k][i]
	}
	slices.Reverse(picks)
	return picks
}
