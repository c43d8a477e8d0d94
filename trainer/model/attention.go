package model

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// queryBlock is how many query positions are taken at once. A block meets only the keys up to its own end, so that most
// of what the causal mask would throw away is never computed; smaller blocks save more but make smaller products.
const queryBlock = 128

// attention is causal grouped-query attention inside segments. Heads are a batch axis, and the query heads that share a
// key head are rows of one product.
type attention struct {
	*builder
	rows, length, heads, keyHeads, headDim int
	rotary                                 *rotary
	masks                                  []*Node // by query block: [rows, block, keys], bool: may see
}

// attentionSaved is what attention.backward needs.
type attentionSaved struct {
	query      *Node   // [rows·keyHeads, group, length, headDim], compute type, turned and scaled
	key, value *Node   // [rows·keyHeads, length, headDim], compute type, keys turned
	weights    []*Node // by query block: [rows·keyHeads, group·block, keys], compute type, after softmax
	outputs    []*Node // by query block: [rows·keyHeads, group·block, headDim], float32
}

// segmentMasks says for each query block which keys each query may see: those of its own segment, not after it.
// segments is [rows, length], int32.
func segmentMasks(segments *Node) []*Node {
	g := segments.Graph()
	rows, length := segments.Shape().Dim(0), segments.Shape().Dim(1)
	var masks []*Node
	for from := 0; from < length; from += queryBlock {
		to := min(from+queryBlock, length)
		shape := shapes.Make(dtypes.Int32, rows, to-from, to)
		causal := GreaterOrEqual(AddScalar(Iota(g, shape, 1), float64(from)), Iota(g, shape, 2))
		querySegment := BroadcastToShape(Reshape(part(segments, 1, from, to), rows, to-from, 1), shape)
		keySegment := BroadcastToShape(Reshape(part(segments, 1, 0, to), rows, 1, to), shape)
		masks = append(masks, And(causal, Equal(querySegment, keySegment)))
	}
	return masks
}

func (t *attention) group() int { return t.heads / t.keyHeads }

// scale is folded into the query's turn.
func (t *attention) scale() float64 { return 1 / math.Sqrt(float64(t.headDim)) }

// split turns [N, heads·headDim] into [rows, heads, length, headDim].
func (t *attention) split(x *Node, heads int) *Node {
	return Transpose(Reshape(x, t.rows, t.length, heads, t.headDim), 1, 2)
}

// merge undoes split.
func (t *attention) merge(x *Node, heads int) *Node {
	return Reshape(Transpose(x, 1, 2), t.rows*t.length, heads*t.headDim)
}

// queries takes one block of [rows·keyHeads, group, length, headDim] as [rows·keyHeads, group·block, headDim].
func (t *attention) queries(x *Node, block int) *Node {
	from, to := t.bounds(block)
	return Reshape(part(x, 2, from, to), t.rows*t.keyHeads, t.group()*(to-from), t.headDim)
}

func (t *attention) bounds(block int) (from, to int) {
	return block * queryBlock, min((block+1)*queryBlock, t.length)
}

// unblock joins what queries took apart, as [rows, heads, length, headDim].
func (t *attention) unblock(blocks []*Node) *Node {
	for i := range blocks {
		from, to := t.bounds(i)
		blocks[i] = Reshape(blocks[i], t.rows, t.heads, to-from, t.headDim)
	}
	return joined(blocks, 2)
}

// forward takes the projections q [N, heads·headDim], k and v [N, keyHeads·headDim] in float32 and returns
// [N, heads·headDim] in float32.
func (t *attention) forward(q, k, v *Node) (*Node, *attentionSaved) {
	batch := t.rows * t.keyHeads
	saved := &attentionSaved{
		query: Reshape(t.narrow(t.rotary.forward(t.split(q, t.heads), t.scale())), batch, t.group(), t.length, t.headDim),
		key:   Reshape(t.narrow(t.rotary.forward(t.split(k, t.keyHeads), 1)), batch, t.length, t.headDim),
		value: Reshape(t.narrow(t.split(v, t.keyHeads)), batch, t.length, t.headDim),
	}
	for block := range t.masks {
		_, to := t.bounds(block)
		weights := t.softmax(t.timesTransposed(t.queries(saved.query, block), part(saved.key, 1, 0, to)), block)
		saved.weights = append(saved.weights, weights)
		saved.outputs = append(saved.outputs, t.times(weights, part(saved.value, 1, 0, to)))
	}
	return t.merge(t.unblock(append([]*Node(nil), saved.outputs...)), t.heads), saved
}

// softmax turns scores [rows·keyHeads, group·block, keys] into attention weights in the compute type. Every query sees at
// least itself, so no row is empty.
func (t *attention) softmax(scores *Node, block int) *Node {
	from, to := t.bounds(block)
	shape := scores.Shape()
	byHead := Reshape(scores, t.rows, t.keyHeads, t.group(), to-from, to)
	mask := BroadcastToShape(Reshape(t.masks[block], t.rows, 1, 1, to-from, to), shapes.Make(dtypes.Bool, byHead.Shape().Dimensions...))
	byHead = Where(mask, byHead, BroadcastToShape(Const(t.graph, float32(-1e9)), byHead.Shape()))
	exponentials := Exp(Sub(byHead, ReduceAndKeep(byHead, ReduceMax, -1)))
	weights := Div(exponentials, ReduceAndKeep(exponentials, ReduceSum, -1))
	return t.narrow(Reshape(weights, shape.Dimensions...))
}

// backward takes the gradient of forward's result, [N, heads·headDim] in float32, to those of q, k and v.
func (t *attention) backward(gradient *Node, saved *attentionSaved) (q, k, v *Node) {
	batch := t.rows * t.keyHeads
	wide := Reshape(t.split(gradient, t.heads), batch, t.group(), t.length, t.headDim)
	narrowed := t.narrow(wide)
	var queries []*Node
	var keys, values *Node // transposed: [batch, headDim, length]
	for block, weights := range saved.weights {
		_, to := t.bounds(block)
		output, outputNarrow := t.queries(wide, block), t.queries(narrowed, block)
		// Of softmax: dS = P·(dP − Σ dP·P), and Σ dP·P over the keys is Σ dO·O over the head.
		inner := ReduceAndKeep(Mul(output, saved.outputs[block]), ReduceSum, -1)
		weightsGradient := t.timesTransposed(outputNarrow, part(saved.value, 1, 0, to))
		scores := Mul(widen(weights), Sub(weightsGradient, inner))
		queries = append(queries, t.times(t.narrow(scores), part(saved.key, 1, 0, to)))
		// With the transposed operand on the left these products run in float32 whatever they are given.
		values = addPadded(values, t.times(t.transposed(output), widen(weights)), t.length)
		keys = addPadded(keys, t.times(t.transposed(widen(t.queries(saved.query, block))), scores), t.length)
	}
	q = t.merge(t.rotary.backward(t.unblock(queries), t.scale()), t.heads)
	byKeyHead := []int{t.rows, t.keyHeads, t.length, t.headDim}
	k = t.merge(t.rotary.backward(Reshape(Transpose(keys, 1, 2), byKeyHead...), 1), t.keyHeads)
	v = t.merge(Reshape(Transpose(values, 1, 2), byKeyHead...), t.keyHeads)
	return q, k, v
}

// addPadded adds x, its last axis filled up to length with zeros, to sum, which is nil at first.
func addPadded(sum, x *Node, length int) *Node {
	if missing := length - x.Shape().Dim(-1); missing > 0 {
		dimensions := append([]int(nil), x.Shape().Dimensions...)
		dimensions[len(dimensions)-1] = missing
		x = Concatenate([]*Node{x, Zeros(x.Graph(), shapes.Make(float32Type, dimensions...))}, -1)
	}
	if sum == nil {
		return x
	}
	return Add(sum, x)
}
