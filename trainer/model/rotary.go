package model

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/shannon-labs/scu/trainer/architecture"
)

// rotary turns pairs of query and key elements by an angle that grows with the position (RoPE; Su et al., "RoFormer",
// 2021). Of a head's first 2·half elements, element i pairs with element i+half as in Hugging Face; the others stay. A nil
// rotary turns nothing.
type rotary struct {
	cosine, sine *Node // [rows, 1, length, half], float32
}

// newRotary makes the tables for positions [rows, length] (int32); nil without frequencies.
func newRotary(positions *Node, r architecture.Rotary) *rotary {
	if len(r.Frequencies) == 0 {
		return nil
	}
	g := positions.Graph()
	rows, length, half := positions.Shape().Dim(0), positions.Shape().Dim(1), len(r.Frequencies)
	frequencies := make([]float32, half)
	for i, frequency := range r.Frequencies {
		frequencies[i] = float32(frequency)
	}
	shape := shapes.Make(float32Type, rows, 1, length, half)
	position := ConvertDType(Reshape(positions, rows, 1, length, 1), float32Type)
	angle := Mul(BroadcastToShape(position, shape), BroadcastToShape(Reshape(Const(g, frequencies), 1, 1, 1, half), shape))
	// The tables are made once: without the barrier XLA would fold the cosines into every use of them.
	tables := OptimizationBarriers(Cos(angle), Sin(angle))
	return &rotary{tables[0], tables[1]}
}

// forward turns x [rows, heads, length, headDim] and multiplies it by scale.
func (r *rotary) forward(x *Node, scale float64) *Node { return r.turn(x, scale, 1) }

// backward takes the gradient of forward's result to that of its argument: the turn the other way.
func (r *rotary) backward(x *Node, scale float64) *Node { return r.turn(x, scale, -1) }

func (r *rotary) turn(x *Node, scale, direction float64) *Node {
	if r == nil {
		return MulScalar(x, scale)
	}
	half, width := r.cosine.Shape().Dim(-1), x.Shape().Dim(-1)
	first, second := columns(x, 0, half), columns(x, half, 2*half)
	cosine := BroadcastToShape(MulScalar(r.cosine, scale), first.Shape())
	sine := BroadcastToShape(MulScalar(r.sine, scale*direction), first.Shape())
	parts := []*Node{
		Sub(Mul(first, cosine), Mul(second, sine)),
		Add(Mul(second, cosine), Mul(first, sine)),
	}
	if 2*half < width {
		parts = append(parts, MulScalar(columns(x, 2*half, width), scale))
	}
	return Concatenate(parts, -1)
}
