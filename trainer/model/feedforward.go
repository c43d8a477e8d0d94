package model

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// swiglu is silu(gate)·up (Shazeer, "GLU Variants Improve Transformer", 2020), all [N, intermediate] in float32.
func swiglu(gate, up *Node) *Node { return Mul(Mul(gate, Sigmoid(gate)), up) }

// swigluBackward takes the gradient of swiglu's result to those of gate and up.
func swigluBackward(gradient, gate, up *Node) (gateGradient, upGradient *Node) {
	sigmoid := Sigmoid(gate)
	slope := Mul(sigmoid, OnePlus(Mul(gate, OneMinus(sigmoid)))) // of silu
	return Mul(Mul(gradient, up), slope), Mul(gradient, Mul(gate, sigmoid))
}
