package model

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/shannon-labs/scu/trainer/architecture"
)

// feedForward is the other half of a decoder block: norm, then down(activation(gate)·up) (Shazeer, "GLU Variants Improve
// Transformer", 2020) or, where it is not gated, down(activation(up)), and perhaps a norm on the output.
type feedForward struct {
	norm, postNorm *norm
	gateUp, down   *linear
	activation     architecture.Activation
	gated          bool
}

// feedForwardSaved is what feedForward.backward needs from feedForward.forward.
type feedForwardSaved struct {
	norm, postNorm *normSaved
	gateUp, down   linearSaved
	fused          *Node // what gateUp gave, [N, 2·intermediate] or [N, intermediate], compute type
}

// forward takes the residual stream, [N, hidden] in float32, and returns what is to be added to it.
func (f *feedForward) forward(x *Node) (*Node, *feedForwardSaved) {
	s := &feedForwardSaved{}
	x, s.norm = f.norm.forward(x)
	s.fused, s.gateUp = f.gateUp.forward(x)
	x, s.down = f.down.forward(f.inner(widen(s.fused)))
	x, s.postNorm = f.postNorm.forward(x)
	return x, s
}

// backward takes the gradient of forward's result to that of its argument, which is nil unless needInput, and the
// adapters' gradients in the order of the forward pass.
func (f *feedForward) backward(gradient *Node, s *feedForwardSaved, needInput bool) (*Node, []adapterGradient) {
	gradient = f.postNorm.backward(gradient, s.postNorm)
	// The activation is made again rather than kept, since it is as wide as the layer and cheap to make. Tied to the
	// gradient, it cannot be taken for the first one.
	tied := OptimizationBarriers(s.fused, gradient)
	fused, gradient := widen(tied[0]), tied[1]
	gradient, down := f.down.backward(gradient, f.down.again(f.inner(fused), s.down), true)
	gradient, gateUp := f.gateUp.backward(f.innerBackward(gradient, fused), s.gateUp, needInput)
	if needInput {
		gradient = f.norm.backward(gradient, s.norm)
	}
	return gradient, append(gateUp, down...)
}

// halves are gate and up.
func (f *feedForward) halves(fused *Node) (gate, up *Node) {
	width := fused.Shape().Dim(-1) / 2
	return columns(fused, 0, width), columns(fused, width, 2*width)
}

// inner is activation(gate)·up, or activation(up), [N, intermediate].
func (f *feedForward) inner(fused *Node) *Node {
	if !f.gated {
		return activated(f.activation, fused)
	}
	gate, up := f.halves(fused)
	return Mul(activated(f.activation, gate), up)
}

// innerBackward takes the gradient of inner's result to that of its argument.
func (f *feedForward) innerBackward(gradient, fused *Node) *Node {
	if !f.gated {
		return Mul(gradient, activationSlope(f.activation, fused))
	}
	gate, up := f.halves(fused)
	return joined([]*Node{
		Mul(Mul(gradient, up), activationSlope(f.activation, gate)),
		Mul(gradient, activated(f.activation, gate)),
	}, -1)
}
