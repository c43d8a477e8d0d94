package data

import "io"

// boundedReader fails when more than limit bytes are read between two resets, for
// parsers that would hold a row of any length in memory. A parser reads ahead, so
// the bound is exact to about one read.
type boundedReader struct {
	below  io.Reader
	limit  int
	read   int
	failed bool // an error other than the end came from below, or the bound was reached
}

// largestRead keeps a parser with a big buffer from reading far ahead.
const largestRead = 1 << 16

func (b *boundedReader) reset() { b.read = 0 }

func (b *boundedReader) Read(into []byte) (int, error) {
	if b.read > b.limit {
		b.failed = true
		return 0, rowTooLongError{b.limit}
	}
	n, err := b.below.Read(into[:min(len(into), largestRead)])
	b.read += n
	b.failed = b.failed || err != nil && err != io.EOF
	return n, err
}
