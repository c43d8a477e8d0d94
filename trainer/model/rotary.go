package model

import (
	"math"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// rotary turns pairs of query and key elements by an angle that grows with the position (RoPE; Su et al., "RoFormer",
// 2021), pairing element i of a head with element i+headDim/2 as Hugging Face does.
type rotary struct {
	cosine, sine *Node // [rows, 1, length, headDim/2], float32
}

// newRotary makes the tables for positions [rows, length] (int32).
func newRotary(positions *Node, headDim int, theta float64) *rotary {
	g := positions.Graph()
	rows, length, half := positions.Shape().Dim(0), positions.Shape().Dim(1), headDim/2
	exponent := MulScalar(Iota(g, shapes.Make(float32Type, rows, 1, length, half), 3), -math.Log(theta)/float64(half))
	position := ConvertDType(Reshape(positions, rows, 1, length, 1), float32Type)
	angle := Mul(BroadcastToShape(position, exponent.Shape()), Exp(exponent))
	// The tables are made once: without the barrier XLA would fold the cosines into every use of them.
	tables := OptimizationBarriers(Cos(angle), Sin(angle))
	return &rotary{tables[0], tables[1]}
}

// forward turns x [rows, heads, length, headDim] and multiplies it by scale.
func (r *rotary) forward(x *Node, scale float64) *Node { return r.turn(x, scale, 1) }

// backward takes the gradient of forward's result to that of its argument: the turn the other way.
func (r *rotary) backward(x *Node, scale float64) *Node { return r.turn(x, scale, -1) }

func (r *rotary) turn(x *Node, scale, direction float64) *Node {
	half := x.Shape().Dim(-1) / 2
	first, second := columns(x, 0, half), columns(x, half, 2*half)
	cosine := BroadcastToShape(MulScalar(r.cosine, scale), first.Shape())
	sine := BroadcastToShape(MulScalar(r.sine, scale*direction), first.Shape())
	return Concatenate([]*Node{
		Sub(Mul(first, cosine), Mul(second, sine)),
		Add(Mul(second, cosine), Mul(first, sine)),
	}, -1)
}
