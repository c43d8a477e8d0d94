package model

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// rmsNorm scales each row of x to a root mean square of 1 and multiplies by the gain: x/√(mean(x²)+ε)·gain.
// (Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.)
type rmsNorm struct {
	gain    *Node // [hidden], float32
	epsilon float64
}

// normSaved is what rmsNorm.backward needs: the input and its reciprocal root mean square.
type normSaved struct{ x, reciprocal *Node } // [N, hidden] and [N, 1]

func (n *rmsNorm) forward(x *Node) (*Node, *normSaved) {
	reciprocal := Rsqrt(AddScalar(ReduceAndKeep(Square(x), ReduceMean, -1), n.epsilon))
	return Mul(Mul(x, reciprocal), n.row(x)), &normSaved{x, reciprocal}
}

func (n *rmsNorm) backward(gradient *Node, saved *normSaved) *Node {
	scaled := Mul(gradient, n.row(gradient))
	normed := Mul(saved.x, saved.reciprocal)
	mean := ReduceAndKeep(Mul(scaled, normed), ReduceMean, -1)
	return Mul(saved.reciprocal, Sub(scaled, Mul(normed, mean)))
}

func (n *rmsNorm) row(like *Node) *Node {
	return BroadcastToShape(ExpandAxes(n.gain, 0), like.Shape())
}
