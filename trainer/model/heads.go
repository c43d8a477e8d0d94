package model

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// heads is causal grouped-query attention inside segments, perhaps inside a window. Heads are a batch axis, and the query
// heads that share a key head are rows of one product.
type heads struct {
	*builder
	rows, length, queryHeads, keyHeads, headDim int
	scale                                       float64
	cap                                         softCap
	rotary                                      *rotary
	spans                                       []span
}

// headsSaved is what heads.backward needs. The slices go by query block.
type headsSaved struct {
	query      *Node   // [rows·keyHeads, group, length, headDim], compute type, turned and scaled
	key, value *Node   // [rows·keyHeads, length, headDim], compute type, keys turned
	capped     []*Node // [rows·keyHeads, group·block, keys], compute type, before the mask; nil without a cap
	weights    []*Node // [rows·keyHeads, group·block, keys], compute type, after softmax
	output     *Node   // what forward gave, [N, queryHeads·headDim], compute type
}

func (h *heads) group() int { return h.queryHeads / h.keyHeads }

// split turns [N, heads·headDim] into [rows, heads, length, headDim].
func (h *heads) split(x *Node, heads int) *Node {
	return Transpose(Reshape(x, h.rows, h.length, heads, h.headDim), 1, 2)
}

// merge undoes split.
func (h *heads) merge(x *Node, heads int) *Node {
	return Reshape(Transpose(x, 1, 2), h.rows*h.length, heads*h.headDim)
}

// queries takes one block of [rows·keyHeads, group, length, headDim] as [rows·keyHeads, group·block, headDim].
func (h *heads) queries(x *Node, s *span) *Node {
	return Reshape(part(x, 2, s.from, s.to), h.rows*h.keyHeads, h.group()*s.queries(), h.headDim)
}

// unblock joins what queries took apart, as [rows, queryHeads, length, headDim].
func (h *heads) unblock(blocks []*Node) *Node {
	shaped := make([]*Node, len(blocks))
	for i := range blocks {
		shaped[i] = Reshape(blocks[i], h.rows, h.queryHeads, h.spans[i].queries(), h.headDim)
	}
	return joined(shaped, 2)
}

// forward takes the projections q [N, queryHeads·headDim], k and v [N, keyHeads·headDim] in float32 and returns
// [N, queryHeads·headDim] in float32, with the digits of the compute type: as the product that follows takes it.
func (h *heads) forward(q, k, v *Node) (*Node, *headsSaved) {
	batch := h.rows * h.keyHeads
	saved := &headsSaved{ // the scale is folded into the query's turn
		query: Reshape(h.narrow(h.rotary.forward(h.split(q, h.queryHeads), h.scale)), batch, h.group(), h.length, h.headDim),
		key:   Reshape(h.narrow(h.rotary.forward(h.split(k, h.keyHeads), 1)), batch, h.length, h.headDim),
		value: Reshape(h.narrow(h.split(v, h.keyHeads)), batch, h.length, h.headDim),
	}
	var outputs []*Node
	for i := range h.spans {
		s := &h.spans[i]
		scores := h.timesTransposed(h.queries(saved.query, s), part(saved.key, 1, s.start, s.to))
		if h.cap != 0 {
			scores = h.cap.forward(scores)
			saved.capped = append(saved.capped, h.narrow(scores))
		}
		weights := h.softmax(scores, s)
		saved.weights = append(saved.weights, weights)
		outputs = append(outputs, h.times(weights, part(saved.value, 1, s.start, s.to)))
	}
	saved.output = h.apart(h.narrow(h.merge(h.unblock(outputs), h.queryHeads)))
	return widen(saved.output), saved
}

// softmax turns scores [rows·keyHeads, group·block, keys] into attention weights in the compute type. Every query sees at
// least itself, so no row is empty.
func (h *heads) softmax(scores *Node, s *span) *Node {
	shape := scores.Shape()
	byHead := Reshape(scores, h.rows, h.keyHeads, h.group(), s.queries(), s.keys())
	mask := BroadcastToShape(Reshape(s.mask, h.rows, 1, 1, s.queries(), s.keys()), shapes.Make(dtypes.Bool, byHead.Shape().Dimensions...))
	byHead = Where(mask, byHead, BroadcastToShape(Const(h.graph, float32(-1e9)), byHead.Shape()))
	exponentials := Exp(Sub(byHead, ReduceAndKeep(byHead, ReduceMax, -1)))
	weights := Div(exponentials, ReduceAndKeep(exponentials, ReduceSum, -1))
	return h.narrow(Reshape(weights, shape.Dimensions...))
}

// backward takes the gradient of forward's result, [N, queryHeads·headDim] in float32, to those of q, k and v.
func (h *heads) backward(gradient *Node, saved *headsSaved) (q, k, v *Node) {
	batch := h.rows * h.keyHeads
	grouped := func(x *Node) *Node {
		return Reshape(h.split(x, h.queryHeads), batch, h.group(), h.length, h.headDim)
	}
	wide, forward := grouped(gradient), grouped(widen(saved.output))
	narrowed := h.narrow(wide)
	var queries []*Node
	var keys, values *Node // transposed: [batch, headDim, length]
	for i := range h.spans {
		s := &h.spans[i]
		output, weights := h.queries(wide, s), widen(saved.weights[i])
		// Of softmax: dS = P·(dP − Σ dP·P), and Σ dP·P over the keys is Σ dO·O over the head.
		inner := ReduceAndKeep(Mul(output, h.queries(forward, s)), ReduceSum, -1)
		weightsGradient := h.timesTransposed(h.queries(narrowed, s), part(saved.value, 1, s.start, s.to))
		scores := Mul(weights, Sub(weightsGradient, inner))
		if h.cap != 0 {
			scores = h.cap.backward(scores, widen(saved.capped[i]))
		}
		queries = append(queries, h.times(h.narrow(scores), part(saved.key, 1, s.start, s.to)))
		// With the transposed operand on the left these products run in float32 whatever they are given.
		values = h.addKeys(values, h.times(h.transposed(output), weights), s)
		keys = h.addKeys(keys, h.times(h.transposed(widen(h.queries(saved.query, s))), scores), s)
	}
	q = h.merge(h.rotary.backward(h.unblock(queries), h.scale), h.queryHeads)
	byKeyHead := []int{h.rows, h.keyHeads, h.length, h.headDim}
	k = h.merge(h.rotary.backward(Reshape(Transpose(keys, 1, 2), byKeyHead...), 1), h.keyHeads)
	v = h.merge(Reshape(Transpose(values, 1, 2), byKeyHead...), h.keyHeads)
	return q, k, v
}

// addKeys adds x [batch, headDim, keys of the span], filled up to the whole row with zeros, to sum, which is nil at first.
func (h *heads) addKeys(sum, x *Node, s *span) *Node {
	x = padColumns(x, s.start, h.length-s.to)
	if sum == nil {
		return x
	}
	return Add(sum, x)
}
