package data

import "fmt"

// Split divides a micro-batch for a device that cannot hold the whole of it: the
// parts together have its blocks, in their order, and so its targets. Each has
// ⌈Rows/parts⌉ rows; parts that would have no block are left out. All parts of
// all micro-batches of one shape have one shape too, which SplitShapes tells.
// Splitting a part again by q equals splitting the whole by parts·q if both
// divide Rows. At most Rows parts of one row each come out.
//
// Fewer than one part is a bug of the caller and panics.
func (m MicroBatch) Split(parts int) []MicroBatch {
	rows := rowsOfPart(m.Shape.Rows, parts)
	shape := m.bucket.shape(rows)
	var split []MicroBatch
	for start := 0; start < len(m.blocks); start += rows {
		split = append(split, MicroBatch{
			Shape: shape, blocks: m.blocks[start:min(start+rows, len(m.blocks))], bucket: m.bucket,
		})
	}
	return split
}

// SplitShapes are the shapes of the parts that Split makes of the feed's
// micro-batches, in the order of Shapes.
func (f *Feed) SplitShapes(parts int) []Shape {
	shapes := make([]Shape, len(f.buckets))
	for i, bucket := range f.buckets {
		shapes[i] = bucket.shape(rowsOfPart(f.Shapes[i].Rows, parts))
	}
	return shapes
}

func rowsOfPart(rows, parts int) int {
	if parts < 1 {
		panic(fmt.Sprintf("data: a micro-batch cannot be split in %d parts", parts))
	}
	return max(1, (rows+parts-1)/parts)
}
