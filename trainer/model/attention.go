package model

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// attention is one half of a decoder block: norm, projections to queries, keys and values, attention over the heads, output
// projection, and perhaps norms on each query and key head and on the output.
type attention struct {
	norm, postNorm        *norm // on the input and on the output
	queryNorm, keyNorm    *norm // on each head
	queryKeyValue, output *linear
	heads                 *heads
	interleaved           bool // the projection's outputs lie head by head: query, key and value of the first, and so on
}

// attentionSaved is what attention.backward needs from attention.forward.
type attentionSaved struct {
	norm, postNorm, queryNorm, keyNorm *normSaved
	queryKeyValue, output              linearSaved
	heads                              *headsSaved
}

// forward takes the residual stream, [N, hidden] in float32, and returns what is to be added to it.
func (t *attention) forward(x *Node) (*Node, *attentionSaved) {
	s := &attentionSaved{}
	x, s.norm = t.norm.forward(x)
	x, s.queryKeyValue = t.queryKeyValue.forward(x)
	q, k, v := t.separate(x)
	q, s.queryNorm = t.perHead(t.queryNorm, q)
	k, s.keyNorm = t.perHead(t.keyNorm, k)
	x, s.heads = t.heads.forward(q, k, v)
	x, s.output = t.output.forward(x)
	x, s.postNorm = t.postNorm.forward(x)
	return x, s
}

// backward takes the gradient of forward's result to that of its argument, which is nil unless needInput, and the
// adapters' gradients in the order of the forward pass.
func (t *attention) backward(gradient *Node, s *attentionSaved, needInput bool) (*Node, []adapterGradient) {
	gradient = t.postNorm.backward(gradient, s.postNorm)
	gradient, output := t.output.backward(gradient, s.output, true)
	q, k, v := t.heads.backward(gradient, s.heads)
	q = t.perHeadBackward(t.queryNorm, q, s.queryNorm)
	k = t.perHeadBackward(t.keyNorm, k, s.keyNorm)
	gradient, queryKeyValue := t.queryKeyValue.backward(t.together(q, k, v), s.queryKeyValue, needInput)
	if needInput {
		gradient = t.norm.backward(gradient, s.norm)
	}
	return gradient, append(queryKeyValue, output...)
}

// separate takes queries, keys and values out of the projection's outputs [N, Σ out], each [N, its heads·headDim].
func (t *attention) separate(x *Node) (q, k, v *Node) {
	h := t.heads
	if t.interleaved {
		byHead := Reshape(x, x.Shape().Dim(0), h.queryHeads, 3, h.headDim)
		one := func(i int) *Node { return Reshape(part(byHead, 2, i, i+1), x.Shape().Dim(0), h.queryHeads*h.headDim) }
		return one(0), one(1), one(2)
	}
	query, key := h.queryHeads*h.headDim, h.keyHeads*h.headDim
	return columns(x, 0, query), columns(x, query, query+key), columns(x, query+key, query+2*key)
}

// together undoes separate.
func (t *attention) together(q, k, v *Node) *Node {
	if !t.interleaved {
		return joined([]*Node{q, k, v}, -1)
	}
	h, rows := t.heads, q.Shape().Dim(0)
	one := func(x *Node) *Node { return Reshape(x, rows, h.queryHeads, 1, h.headDim) }
	return Reshape(joined([]*Node{one(q), one(k), one(v)}, 2), rows, 3*h.queryHeads*h.headDim)
}

// perHead norms each head of x [N, heads·headDim].
func (t *attention) perHead(n *norm, x *Node) (*Node, *normSaved) {
	if n == nil {
		return x, nil
	}
	y, saved := n.forward(t.byHead(x))
	return Reshape(y, x.Shape().Dimensions...), saved
}

func (t *attention) perHeadBackward(n *norm, gradient *Node, saved *normSaved) *Node {
	if n == nil {
		return gradient
	}
	return Reshape(n.backward(t.byHead(gradient), saved), gradient.Shape().Dimensions...)
}

func (t *attention) byHead(x *Node) *Node {
	return Reshape(x, x.Shape().Dim(0), -1, t.heads.headDim)
}
