package weights

import (
	"fmt"
	"io"
	"math"
	"sync"
)

// storedTensor is one tensor inside a file: where its bytes lie and how to read them as float32.
type storedTensor struct {
	source   io.ReaderAt
	path     string // of the file, for messages
	name     string // as the file calls it, for messages
	encoding encoding
	shape    []int // outermost dimension first
	offset   int64 // of the first byte, from the start of the file
	bytes    int64
	// rotaryHeads, when not 0, says that the rows are in GGUF's rotary order for that many heads.
	rotaryHeads int
}

// readChunk is how many bytes a reader asks of a file at once: large enough to make the calls cheap, small enough to
// stay in the processor's cache until decoded.
const readChunk = 256 << 10

// decodeWorkers is how many goroutines read and decode one tensor. Two saturate what the memory of a small machine
// can take, and the caller usually has other tensors' uploads to do.
const decodeWorkers = 2

// parallelThreshold is the size in values below which one goroutine is quicker than two.
const parallelThreshold = 1 << 16

// rowsAndWidth views the tensor as a matrix: all dimensions but the last, and the last.
func (t storedTensor) rowsAndWidth() (rows, width int) {
	rows, width = 1, 1
	for i, dimension := range t.shape {
		if i == len(t.shape)-1 {
			width = dimension
		} else {
			rows *= dimension
		}
	}
	return rows, width
}

// float32s reads the tensor, row-major, into dst when its capacity suffices and into a new slice otherwise.
func (t storedTensor) float32s(dst []float32) ([]float32, error) {
	rows, width := t.rowsAndWidth()
	if cap(dst) < rows*width {
		dst = make([]float32, rows*width)
	}
	dst = dst[:rows*width]
	if len(dst) == 0 {
		return dst, nil
	}
	if len(dst) < parallelThreshold || rows < decodeWorkers {
		return dst, t.readRows(dst, 0, rows, width)
	}
	var group sync.WaitGroup
	var failures [decodeWorkers]error
	for worker := range decodeWorkers {
		group.Go(func() {
			failures[worker] = t.readRows(dst, rows*worker/decodeWorkers, rows*(worker+1)/decodeWorkers, width)
		})
	}
	group.Wait()
	for _, err := range failures {
		if err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// readRows decodes stored rows [first, last) to their places in dst.
func (t storedTensor) readRows(dst []float32, first, last, width int) error {
	rowBytes := width / t.encoding.blockElements * t.encoding.blockBytes
	rowsAtOnce := min(max(1, readChunk/rowBytes), last-first)
	buffer := make([]byte, rowsAtOnce*rowBytes)
	for row := first; row < last; row += rowsAtOnce {
		count := min(rowsAtOnce, last-row)
		chunk := buffer[:count*rowBytes]
		if _, err := t.source.ReadAt(chunk, t.offset+int64(row)*int64(rowBytes)); err != nil {
			return fmt.Errorf("read tensor %q of %s: %w", t.name, t.path, err)
		}
		for i := range count {
			target := t.canonicalRow(row+i) * width
			t.encoding.decode(dst[target:target+width], chunk[i*rowBytes:(i+1)*rowBytes])
		}
	}
	return nil
}

// canonicalRow gives the Hugging Face row of a stored row. For Llama's query and key weights llama.cpp's converter
// interleaves the two halves of each head (row pairs 2i, 2i+1 rotate together); Hugging Face keeps the halves apart
// (rows i and i+HeadDim/2 rotate together).
func (t storedTensor) canonicalRow(row int) int {
	if t.rotaryHeads == 0 {
		return row
	}
	headDim := t.shape[0] / t.rotaryHeads
	head, within := row/headDim, row%headDim
	return head*headDim + within%2*(headDim/2) + within/2
}

// encodedBytes returns the size of a tensor of this shape, or an error when the shape is not one that fits in memory
// or whose rows are not whole blocks.
func encodedBytes(e encoding, shape []int) (int64, error) {
	count := int64(1)
	for _, dimension := range shape {
		if dimension < 0 {
			return 0, fmt.Errorf("the shape %v has a negative dimension", shape)
		}
		if dimension > 0 && count > math.MaxInt64/16/int64(dimension) {
			return 0, fmt.Errorf("the shape %v is too large", shape)
		}
		count *= int64(dimension)
	}
	if e.blockElements > 1 && (len(shape) == 0 || shape[len(shape)-1]%e.blockElements != 0) {
		return 0, fmt.Errorf("rows of shape %v are not whole blocks of %d values, as %s needs", shape, e.blockElements, e.name)
	}
	return count / int64(e.blockElements) * int64(e.blockBytes), nil
}
