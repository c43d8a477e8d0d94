package model

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// block is one decoder block of the Llama family: attention and a gated feed-forward layer, each on the normed residual
// stream and added to it.
type block struct {
	attentionNorm, feedForwardNorm *rmsNorm
	queryKeyValue, output          *linear
	gateUp, down                   *linear
	attention                      *attention
}

// blockSaved is what block.backward needs from block.forward.
type blockSaved struct {
	attentionNorm, feedForwardNorm      *normSaved
	queryKeyValue, output, gateUp, down linearSaved
	attention                           *attentionSaved
	gate, up                            *Node
}

// forward takes and returns the residual stream, [N, hidden] in float32.
func (b *block) forward(x *Node) (*Node, *blockSaved) {
	s := &blockSaved{}
	var normed *Node
	normed, s.attentionNorm = b.attentionNorm.forward(x)
	var projected, single []*Node
	projected, s.queryKeyValue = b.queryKeyValue.forward(normed)
	var mixedHeads *Node
	mixedHeads, s.attention = b.attention.forward(projected[0], projected[1], projected[2])
	single, s.output = b.output.forward(mixedHeads)
	x = Add(x, single[0])

	normed, s.feedForwardNorm = b.feedForwardNorm.forward(x)
	projected, s.gateUp = b.gateUp.forward(normed)
	s.gate, s.up = projected[0], projected[1]
	single, s.down = b.down.forward(swiglu(s.gate, s.up))
	return Add(x, single[0]), s
}

// backward takes the gradient of forward's result to that of its argument, which is nil unless needInput, and the
// adapters' gradients in the order of the forward pass.
func (b *block) backward(gradient *Node, s *blockSaved, needInput bool) (*Node, []adapterGradient) {
	inner, down := b.down.backward([]*Node{gradient}, s.down, true)
	gate, up := swigluBackward(inner, s.gate, s.up)
	inner, gateUp := b.gateUp.backward([]*Node{gate, up}, s.gateUp, true)
	gradient = Add(gradient, b.feedForwardNorm.backward(inner, s.feedForwardNorm))

	inner, output := b.output.backward([]*Node{gradient}, s.output, true)
	q, k, v := b.attention.backward(inner, s.attention)
	inner, queryKeyValue := b.queryKeyValue.backward([]*Node{q, k, v}, s.queryKeyValue, needInput)
	if needInput {
		gradient = Add(gradient, b.attentionNorm.backward(inner, s.attentionNorm))
	} else {
		gradient = nil
	}
	adapters := append(append(append(queryKeyValue, output...), gateUp...), down...)
	return gradient, adapters
}
