package model

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/shannon-labs/scu/trainer/architecture"
)

// norm normalizes along the last axis, in float32: by the root mean square, x/√(mean(x²)+ε)·gain (Zhang and Sennrich,
// "Root Mean Square Layer Normalization", 2019), or by mean and variance, (x−mean(x))/√(var(x)+ε)·gain + bias (Ba and
// others, "Layer Normalization", 2016). A nil norm changes nothing.
type norm struct {
	kind    architecture.NormKind
	gain    *Node // [width]
	bias    *Node // [width]; nil for the root mean square
	epsilon float64
}

// normSaved is what norm.backward needs: the input and, along its rows, the mean (nil for the root mean square) and the
// reciprocal of what x is divided by.
type normSaved struct{ x, mean, reciprocal *Node } // [.., width], [.., 1], [.., 1]

// forward takes x [.., width].
func (n *norm) forward(x *Node) (*Node, *normSaved) {
	if n == nil {
		return x, nil
	}
	saved := &normSaved{x: x}
	if n.kind == architecture.LayerNorm {
		saved.mean = ReduceAndKeep(x, ReduceMean, -1)
	}
	saved.reciprocal = Rsqrt(AddScalar(ReduceAndKeep(Square(saved.centered()), ReduceMean, -1), n.epsilon))
	y := Mul(saved.normed(), n.row(n.gain, x))
	if n.bias != nil {
		y = Add(y, n.row(n.bias, x))
	}
	return y, saved
}

func (s *normSaved) centered() *Node {
	if s.mean == nil {
		return s.x
	}
	return Sub(s.x, s.mean)
}

func (s *normSaved) normed() *Node { return Mul(s.centered(), s.reciprocal) }

// backward takes the gradient of forward's result to that of its argument.
func (n *norm) backward(gradient *Node, saved *normSaved) *Node {
	if n == nil {
		return gradient
	}
	scaled := Mul(gradient, n.row(n.gain, gradient))
	normed := saved.normed()
	along := ReduceAndKeep(Mul(scaled, normed), ReduceMean, -1)
	across := Sub(scaled, Mul(normed, along))
	if saved.mean != nil {
		across = Sub(across, ReduceAndKeep(scaled, ReduceMean, -1))
	}
	return Mul(saved.reciprocal, across)
}

// row repeats a vector of the last axis over the others.
func (n *norm) row(vector, like *Node) *Node {
	return BroadcastToShape(ExpandLeftToRank(vector, like.Rank()), like.Shape())
}
