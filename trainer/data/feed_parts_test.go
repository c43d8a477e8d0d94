package data

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The parts of a micro-batch have its targets in its order, in shapes that were
// known before, and splitting twice is splitting by the product.
func TestPartsHaveTheTargetsOfTheWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		blockSize := rapid.IntRange(2, 300).Draw(t, "block")
		feed := NewFeed(drawSamples(t, blockSize), rapid.IntRange(1, 9).Draw(t, "rows"), blockSize, rapid.Bool().Draw(t, "packed"))
		parts := rapid.IntRange(1, 9).Draw(t, "parts")
		shapes := feed.SplitShapes(parts)
		for _, micro := range feed.Deal(EpochOrder(feed.Blocks(), 3, 1)) {
			split := micro.Split(parts)
			if len(split) > parts || len(split) == 0 {
				t.Fatalf("%d parts instead of at most %d", len(split), parts)
			}
			whole := labelsOf(t, feed, micro)
			var together []int32
			for _, part := range split {
				if !slices.Contains(shapes, part.Shape) {
					t.Fatalf("the shape %v is not one of %v", part.Shape, shapes)
				}
				if want := max(1, (micro.Shape.Rows+parts-1)/parts); part.Shape.Rows != want || part.Shape.Length != micro.Shape.Length {
					t.Fatalf("a part of %v in %d has the shape %v", micro.Shape, parts, part.Shape)
				}
				labels := labelsOf(t, feed, part)
				if len(labels) > part.Shape.Capacity {
					t.Fatalf("%d targets in a shape for %d", len(labels), part.Shape.Capacity)
				}
				together = append(together, labels...)
			}
			if !slices.Equal(together, whole) {
				t.Fatalf("the parts have the targets %v, the whole %v", together, whole)
			}
			if micro.Shape.Rows%4 == 0 {
				for i, quarter := range micro.Split(4) {
					half := micro.Split(2)[i/2].Split(2)[i%2]
					if half.Shape != quarter.Shape || !slices.Equal(half.blocks, quarter.blocks) {
						t.Fatalf("half of a half %v differs from a quarter %v", half, quarter)
					}
				}
			}
		}
	})
}

func labelsOf(t *rapid.T, feed *Feed, micro MicroBatch) []int32 {
	batch, err := feed.Assemble(micro)
	if err != nil {
		t.Fatal(err)
	}
	return batch.TargetLabel
}

func TestSplitInNoParts(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewFeed(samplesOf(5), 1, 8, true).All()[0].Split(0)
}

func TestRowNumbers(t *testing.T) {
	t.Parallel()
	samples := samplesOf(8, 3, 5, 8) // by best fit: 8 | 8 | 5+3
	for i, ref := range []RowRef{{"a", 7}, {"b", 1}, {"b", 2}, {"a", 7}} {
		samples[i].File, samples[i].Number = ref.File, ref.Number
	}
	feed := NewFeed(samples, 3, 8, true)
	got := feed.RowNumbers(feed.All()[0])
	if want := []RowRef{{"a", 7}, {"b", 2}, {"b", 1}}; !slices.Equal(got, want) { // the row that was split once only
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := nameRows(got), "row 7 of a; rows 2, 1 of b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// BenchmarkPack packs a million samples of 1 to 1024 tokens.
func BenchmarkPack(b *testing.B) {
	samples := make([]Sample, 1_000_000)
	tokens := make([]int32, 1024)
	for i := range samples {
		samples[i].Tokens = tokens[:1+(i*7919)%1024]
	}
	for b.Loop() {
		Pack(samples, 1024)
	}
}
