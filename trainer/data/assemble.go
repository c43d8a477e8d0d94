package data

import "fmt"

// Batch is the input of one micro-batch: Rows sequences of Length tokens, in row
// order. A position of the flat slices is row*Length + column.
type Batch struct {
	Rows, Length int

	Tokens    []int32 // [Rows*Length]; padding is 0
	Positions []int32 // [Rows*Length]; they restart at 0 with each sample; padding is 0
	Segments  []int32 // [Rows*Length]; 1, 2, … within a row, one for each sample; padding is 0

	// One entry for each target, in the order of the flat positions.
	TargetIndex []int32 // flat position whose output predicts the target: the one before it
	TargetLabel []int32 // the target token
	SampleOf    []int32 // index of the target's sample in the slice given to Assemble
}

// Assemble lays out blocks (from Pack, or of one sample each) as a batch of the
// given shape. Rows without a block are padding. It is an error when the blocks
// do not fit the shape.
func Assemble(samples []Sample, blocks [][]int, rows, length int) (Batch, error) {
	if len(blocks) > rows {
		return Batch{}, fmt.Errorf("assemble batch: %d blocks do not fit in %d rows", len(blocks), rows)
	}
	batch := Batch{
		Rows: rows, Length: length,
		Tokens: make([]int32, rows*length), Positions: make([]int32, rows*length), Segments: make([]int32, rows*length),
	}
	for row, block := range blocks {
		used := 0
		for segment, index := range block {
			if index < 0 || index >= len(samples) {
				return Batch{}, fmt.Errorf("assemble batch: block %d names sample %d of %d", row, index, len(samples))
			}
			sample := samples[index]
			if used+len(sample.Tokens) > length {
				return Batch{}, fmt.Errorf("assemble batch: block %d has more than %d tokens", row, length)
			}
			batch.place(sample, index, row*length+used, segment+1)
			used += len(sample.Tokens)
		}
	}
	return batch, nil
}

// place writes a sample at a flat position.
func (b *Batch) place(sample Sample, index, start, segment int) {
	for i, token := range sample.Tokens {
		at := start + i
		b.Tokens[at] = token
		b.Positions[at] = int32(i)
		b.Segments[at] = int32(segment)
		if i > 0 && sample.Target[i] {
			b.TargetIndex = append(b.TargetIndex, int32(at-1))
			b.TargetLabel = append(b.TargetLabel, token)
			b.SampleOf = append(b.SampleOf, int32(index))
		}
	}
}
