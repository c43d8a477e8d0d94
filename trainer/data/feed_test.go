package data

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawSamples draws samples of random lengths and targets.
func drawSamples(t *rapid.T, blockSize int) []Sample {
	var samples []Sample
	for range rapid.IntRange(1, 40).Draw(t, "samples") {
		length := rapid.IntRange(1, blockSize).Draw(t, "length")
		sample := Sample{Tokens: make([]int32, length), Target: make([]bool, length)}
		for i := 1; i < length; i++ {
			sample.Tokens[i] = int32(i)
			sample.Target[i] = rapid.Bool().Draw(t, "target")
		}
		samples = append(samples, sample)
	}
	return samples
}

// An epoch in any order visits every target of every sample exactly once, in
// batches of the shapes that were announced.
func TestFeedDealsEveryTargetOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		blockSize := rapid.IntRange(2, 300).Draw(t, "block")
		samples := drawSamples(t, blockSize)
		feed := NewFeed(samples, rapid.IntRange(1, 5).Draw(t, "rows"), blockSize, rapid.Bool().Draw(t, "packed"))
		seen := make([]int, len(samples))
		dealt := feed.Deal(EpochOrder(feed.Blocks(), 3, rapid.IntRange(0, 9).Draw(t, "epoch")))
		if len(dealt) != len(feed.All()) {
			t.Fatalf("%d micro-batches in one order and %d in another", len(dealt), len(feed.All()))
		}
		if steps := feed.StepsPerEpoch(1); steps != len(dealt) {
			t.Fatalf("%d steps of one micro-batch each, but %d micro-batches", steps, len(dealt))
		}
		for _, micro := range dealt {
			if !slices.Contains(feed.Shapes, micro.Shape) {
				t.Fatalf("the shape %v is not one of %v", micro.Shape, feed.Shapes)
			}
			batch, err := feed.Assemble(micro)
			if err != nil {
				t.Fatal(err)
			}
			if len(batch.TargetIndex) > micro.Shape.Capacity {
				t.Fatalf("%d targets in a shape for %d", len(batch.TargetIndex), micro.Shape.Capacity)
			}
			for _, sample := range batch.SampleOf {
				seen[sample]++
			}
		}
		for i, sample := range samples {
			if seen[i] != sample.Targets() {
				t.Fatalf("sample %d: %d targets seen of %d", i, seen[i], sample.Targets())
			}
		}
	})
}

func TestStepsPerEpochCountsTheShortLastStep(t *testing.T) {
	t.Parallel()
	var samples []Sample
	for range 9 {
		samples = append(samples, Sample{Tokens: make([]int32, 10), Target: make([]bool, 10)})
	}
	feed := NewFeed(samples, 2, 10, true) // nine blocks make five micro-batches
	for accumulate, want := range map[int]int{1: 5, 2: 3, 4: 2, 5: 1, 9: 1} {
		if got := feed.StepsPerEpoch(accumulate); got != want {
			t.Errorf("%d a step: %d steps, want %d", accumulate, got, want)
		}
	}
}
