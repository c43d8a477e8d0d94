package model

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// queryBlock is how many query positions are taken at once. A block meets only the keys up to its own end, so that most
// of what the causal mask would throw away is never computed; smaller blocks save more but make smaller products.
const queryBlock = 128

// span is one block of query positions, [from, to), and the keys that some of them may see: [start, to).
type span struct {
	from, to, start int
	mask            *Node // [rows, to−from, to−start], bool: may see
}

func (s *span) queries() int { return s.to - s.from }
func (s *span) keys() int    { return s.to - s.start }

// newSpans cuts a row into blocks and says for each which keys each query may see: those of its own segment, not after
// it, and with a window only the last so many, itself included. segments is [rows, length], int32.
func newSpans(segments *Node, window, block int) []span {
	length := segments.Shape().Dim(1)
	var spans []span
	for from := 0; from < length; from += block {
		s := span{from: from, to: min(from+block, length)}
		if window > 0 { // the block's first query sees the farthest; whole blocks keep the shapes few
			s.start = max(0, from-window+1) / block * block
		}
		s.mask = s.newMask(segments, window)
		spans = append(spans, s)
	}
	return spans
}

func (s *span) newMask(segments *Node, window int) *Node {
	g, rows := segments.Graph(), segments.Shape().Dim(0)
	shape := shapes.Make(dtypes.Int32, rows, s.queries(), s.keys())
	behind := AddScalar(Sub(Iota(g, shape, 1), Iota(g, shape, 2)), float64(s.from-s.start)) // query − key
	mask := GreaterOrEqual(behind, ScalarZero(g, dtypes.Int32))
	if window > 0 {
		mask = And(mask, LessThan(behind, Scalar(g, dtypes.Int32, window)))
	}
	querySegment := BroadcastToShape(Reshape(part(segments, 1, s.from, s.to), rows, s.queries(), 1), shape)
	keySegment := BroadcastToShape(Reshape(part(segments, 1, s.start, s.to), rows, 1, s.keys()), shape)
	return And(mask, Equal(querySegment, keySegment))
}
