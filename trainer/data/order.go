package data

import (
	"math/bits"
	"math/rand/v2"
)

// EpochOrder returns the numbers 0…n-1 in the order in which an epoch visits
// them: a permutation that depends on n, the seed and the epoch only, and is the
// same on every machine and with every release of Go. That is why the shuffle is
// written out here: the standard library fixes the output of its PCG generator,
// but not how Shuffle uses it.
func EpochOrder(n int, seed int64, epoch int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	generator := rand.NewPCG(uint64(seed), uint64(epoch))
	for i := n - 1; i > 0; i-- { // Fisher and Yates
		j := below(generator, uint64(i+1))
		order[i], order[j] = order[j], order[i]
	}
	return order
}

// below returns a uniform number in [0, limit) by Lemire's method: the high half
// of a product, drawn again in the few cases that would favour small numbers.
func below(generator *rand.PCG, limit uint64) uint64 {
	high, low := bits.Mul64(generator.Uint64(), limit)
	for low < limit && low < -limit%limit {
		high, low = bits.Mul64(generator.Uint64(), limit)
	}
	return high
}
