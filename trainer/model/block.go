package model

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// block is one decoder block. What attention and the feed-forward layer give is added to the residual stream: one after
// the other, or both at once where parallel says that both read the block's input.
type block struct {
	attention   *attention
	feedForward *feedForward
	parallel    bool
}

// blockSaved is what block.backward needs from block.forward.
type blockSaved struct {
	attention   *attentionSaved
	feedForward *feedForwardSaved
}

// forward takes and returns the residual stream, [N, hidden] in float32.
func (b *block) forward(x *Node) (*Node, *blockSaved) {
	s := &blockSaved{}
	var mixed, fed *Node
	mixed, s.attention = b.attention.forward(x)
	if b.parallel {
		fed, s.feedForward = b.feedForward.forward(x)
		return Add(Add(x, mixed), fed), s
	}
	x = Add(x, mixed)
	fed, s.feedForward = b.feedForward.forward(x)
	return Add(x, fed), s
}

// backward takes the gradient of forward's result to that of its argument, which is nil unless needInput, and the
// adapters' gradients in the order of the forward pass.
func (b *block) backward(gradient *Node, s *blockSaved, needInput bool) (*Node, []adapterGradient) {
	fed, feedForward := b.feedForward.backward(gradient, s.feedForward, needInput || !b.parallel)
	mixedGradient := gradient // of what attention gave
	if !b.parallel {
		mixedGradient = Add(gradient, fed)
	}
	mixed, attention := b.attention.backward(mixedGradient, s.attention, needInput)
	adapters := append(attention, feedForward...)
	if !needInput {
		return nil, adapters
	}
	return Add(Add(gradient, fed), mixed), adapters
}
