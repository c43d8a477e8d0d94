package data

import "slices"

// gridStep keeps lengths and target capacities of batches on a coarse grid, so
// that few shapes are compiled.
const gridStep = 64

// Feed deals the blocks of a set of samples out in micro-batches of few shapes.
// It is immutable.
type Feed struct {
	Samples []Sample
	Shapes  []Shape
	blocks  [][]int   // indices of samples
	bucket  []int     // of each block: index into Shapes and buckets
	buckets []*bucket // what the shapes are made of
}

// Shape is what a program is compiled for: Rows×Length positions, of which at
// most Capacity predict a target.
type Shape struct{ Rows, Length, Capacity int }

// MicroBatch is one pass of the model: some blocks that fit one shape.
type MicroBatch struct {
	Shape  Shape
	blocks []int
	bucket *bucket
}

// bucket holds the blocks of one length.
type bucket struct {
	length  int
	blocks  int   // how many
	targets []int // targets[n]: the most target tokens that n of its blocks hold
}

// shape is that of a micro-batch of so many rows. Its room for targets suffices
// for any of the bucket's blocks, and depends on the bucket and the rows alone.
func (b *bucket) shape(rows int) Shape {
	most := b.targets[min(rows, len(b.targets)-1)]
	return Shape{rows, b.length, min(max(roundUp(most), gridStep), rows*b.length)}
}

// NewFeed packs samples, at least one, into blocks of at most blockSize tokens,
// or gives each its own block, for micro-batches of at most rows blocks.
func NewFeed(samples []Sample, rows, blockSize int, packed bool) *Feed {
	f := &Feed{Samples: samples}
	if packed {
		f.blocks = Pack(samples, blockSize)
	} else {
		for i := range samples {
			f.blocks = append(f.blocks, []int{i})
		}
	}
	lengths := make([]int, len(f.blocks))
	for i, block := range f.blocks {
		for _, sample := range block {
			lengths[i] += len(samples[sample].Tokens)
		}
	}
	buckets := []int{min(roundUp(slices.Max(lengths)), blockSize)}
	if !packed {
		buckets = Buckets(lengths, blockSize, gridStep)
	}
	f.assign(lengths, buckets, min(rows, len(f.blocks)))
	return f
}

// assign puts every block into the shortest bucket that holds it, and sizes each
// bucket's room for targets by the rows blocks that have most of them.
func (f *Feed) assign(lengths, buckets []int, rows int) {
	targets := make([][]int, len(buckets))
	for i, length := range lengths {
		bucket, _ := slices.BinarySearch(buckets, length)
		f.bucket = append(f.bucket, bucket)
		count := 0
		for _, sample := range f.blocks[i] {
			count += f.Samples[sample].Targets()
		}
		targets[bucket] = append(targets[bucket], count)
	}
	for i, length := range buckets {
		slices.SortFunc(targets[i], func(a, b int) int { return b - a })
		b := &bucket{length: length, blocks: len(targets[i]), targets: make([]int, 1, rows+1)}
		for n, count := range targets[i][:min(rows, len(targets[i]))] {
			b.targets = append(b.targets, b.targets[n]+count)
		}
		f.buckets = append(f.buckets, b)
		f.Shapes = append(f.Shapes, b.shape(rows))
	}
}

func roundUp(n int) int { return (n + gridStep - 1) / gridStep * gridStep }

// Deal takes the blocks in the order of an epoch (see EpochOrder) and returns
// micro-batches; the last of each shape may be short. Their number does not
// depend on the order.
func (f *Feed) Deal(order []int) []MicroBatch {
	pending := make([][]int, len(f.Shapes))
	var dealt []MicroBatch
	for _, block := range order {
		bucket := f.bucket[block]
		pending[bucket] = append(pending[bucket], block)
		if len(pending[bucket]) == f.Shapes[bucket].Rows {
			dealt = append(dealt, f.microBatch(bucket, pending[bucket]))
			pending[bucket] = nil
		}
	}
	for bucket, blocks := range pending {
		if len(blocks) > 0 {
			dealt = append(dealt, f.microBatch(bucket, blocks))
		}
	}
	return dealt
}

func (f *Feed) microBatch(bucket int, blocks []int) MicroBatch {
	return MicroBatch{Shape: f.Shapes[bucket], blocks: blocks, bucket: f.buckets[bucket]}
}

// Blocks is the number of blocks, which Deal's order is over.
func (f *Feed) Blocks() int { return len(f.blocks) }

// All deals every block once, as they stand.
func (f *Feed) All() []MicroBatch {
	order := make([]int, len(f.blocks))
	for i := range order {
		order[i] = i
	}
	return f.Deal(order)
}

// StepsPerEpoch is how many optimizer steps of accumulate micro-batches one pass
// takes; an epoch's last step may have fewer.
func (f *Feed) StepsPerEpoch(accumulate int) int {
	microBatches := 0
	for i, bucket := range f.buckets {
		rows := f.Shapes[i].Rows
		microBatches += (bucket.blocks + rows - 1) / rows
	}
	return (microBatches + accumulate - 1) / accumulate
}

// Assemble lays a micro-batch out for the model.
func (f *Feed) Assemble(m MicroBatch) (Batch, error) {
	blocks := make([][]int, len(m.blocks))
	for i, block := range m.blocks {
		blocks[i] = f.blocks[block]
	}
	return Assemble(f.Samples, blocks, m.Shape.Rows, m.Shape.Length)
}
