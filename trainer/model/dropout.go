package model

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// dropout zeroes elements of an adapter's input at random and scales the others up. Whether an element is kept depends
// on nothing but the seed, the layer's number and the element's place, by a hash: so the backward pass forms the mask
// anew instead of keeping it, and a resumed run draws what an uninterrupted one would. A nil dropout keeps everything.
type dropout struct {
	*builder
	rate float64
	seed *Node  // uint32 scalar, another one for each micro-batch
	salt uint32 // tells the layers apart
}

// apply takes x, or the gradient of apply's result, [N, in] in float32: both are multiplied by the same mask.
func (d *dropout) apply(x *Node) *Node {
	if d == nil {
		return x
	}
	return Mul(x, d.mask(x.Shape().Dim(0), x.Shape().Dim(1)))
}

// mask is [rows, width] in float32: 1/(1−rate) with probability 1−rate, else 0.
func (d *dropout) mask(rows, width int) *Node {
	place := Iota(d.graph, shapes.Make(dtypes.Uint32, rows*width), 0)
	key := BitwiseXor(d.seed, Const(d.graph, d.salt*0x9e3779b9))
	hash := mixed(Add(place, mixed(key)))
	threshold := Const(d.graph, uint32(math.Round(d.rate*(1<<32-1))))
	kept := ConvertDType(GreaterOrEqual(hash, threshold), float32Type)
	return Reshape(MulScalar(kept, 1/(1-d.rate)), rows, width)
}

// mixed spreads every bit of x, a uint32, over the whole word. The constants and shifts are those of the 32-bit finalizer
// of MurmurHash3 (Austin Appleby, public domain).
func mixed(x *Node) *Node {
	g := x.Graph()
	x = BitwiseXor(x, BitwiseShiftRightLogicalScalar(x, uint32(16)))
	x = Mul(x, Const(g, uint32(0x85ebca6b)))
	x = BitwiseXor(x, BitwiseShiftRightLogicalScalar(x, uint32(13)))
	x = Mul(x, Const(g, uint32(0xc2b2ae35)))
	return BitwiseXor(x, BitwiseShiftRightLogicalScalar(x, uint32(16)))
}
