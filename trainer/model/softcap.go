package model

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// softCap bounds values to ±cap by cap·tanh(x/cap). 0 means no bound.
type softCap float64

// forward takes x and returns the bounded values.
func (c softCap) forward(x *Node) *Node {
	if c == 0 {
		return x
	}
	return MulScalar(Tanh(DivScalar(x, float64(c))), float64(c))
}

// backward takes the gradient of forward's result to that of its argument; bounded is forward's result.
func (c softCap) backward(gradient, bounded *Node) *Node {
	if c == 0 {
		return gradient
	}
	return Mul(gradient, OneMinus(Square(DivScalar(bounded, float64(c)))))
}
