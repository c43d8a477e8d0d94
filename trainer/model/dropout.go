package model

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// noise draws the masks of a graph. words is one random word for every position and every element of the widest layer's
// input, a hash of their place in the micro-batch and of its seed, made once; key is another word for each layer, made
// from the layer's before. Nothing of it is a constant, so that XLA finds the layers' programs alike and compiles one.
type noise struct {
	*builder
	words *Node // [N, widest], uint32
	key   *Node // uint32 scalar, of the layer drawn last
}

// newNoise draws for a batch of rows×length positions. firstRow is the number of the batch's first row in the micro-batch
// whose seed this is: so a part of a micro-batch draws what it would within the whole.
func newNoise(b *builder, seed, firstRow *Node, rows, length, widest int) *noise {
	place := Iota(b.graph, shapes.Make(dtypes.Uint32, rows*length*widest), 0)
	place = Add(place, Mul(firstRow, Const(b.graph, uint32(length*widest))))
	key := mixed(AddScalar(seed, 1)) // of 0 mixed makes 0
	words := Reshape(mixed(Add(place, key)), rows*length, widest)
	return &noise{b, b.apart(words), b.apart(key)}
}

// draw returns the dropout of the next layer.
func (n *noise) draw(rate float64) *dropout {
	n.key = n.apart(mixed(AddScalar(n.key, 0x3c6ef372)))
	return &dropout{n, rate, n.key}
}

// dropout zeroes elements of an adapter's input at random and scales the others up. Whether an element is kept depends
// on nothing but the seed, the layer's number and the element's place: so the backward pass forms the mask anew instead
// of keeping it, and a resumed run draws what an uninterrupted one would. A nil dropout keeps everything.
type dropout struct {
	*noise
	rate float64
	key  *Node // uint32 scalar: tells the layers apart
}

// apply takes x, or the gradient of apply's result, [N, in] in float32: both are multiplied by the same mask.
func (d *dropout) apply(x *Node) *Node {
	if d == nil {
		return x
	}
	return Mul(x, d.mask(x.Shape().Dim(1)))
}

// mask is [N, width] in float32: 1/(1−rate) with probability 1−rate, else 0. A word that is uniform stays so when it is
// xor-ed with a key and multiplied by an odd one, and for other keys its upper bits are unrelated.
func (d *dropout) mask(width int) *Node {
	odd := BitwiseOr(d.key, Const(d.graph, uint32(1)))
	drawn := Mul(BitwiseXor(columns(d.words, 0, width), d.key), odd)
	threshold := Const(d.graph, uint32(math.Round(d.rate*(1<<32-1))))
	return MulScalar(ConvertDType(GreaterOrEqual(drawn, threshold), float32Type), 1/(1-d.rate))
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
