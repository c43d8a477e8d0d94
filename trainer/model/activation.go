package model

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/shannon-labs/scu/trainer/architecture"
)

// activated applies a nonlinearity to x, in float32: SiLU is x·σ(x), GELU x·Φ(x) with the normal distribution Φ, and its
// approximation ½x·(1+tanh(√(2/π)·(x+0.044715x³))) (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016).
func activated(kind architecture.Activation, x *Node) *Node {
	switch kind {
	case architecture.GELU:
		return Mul(x, normalBelow(x))
	case architecture.GELUTanh:
		return Mul(x, MulScalar(OnePlus(Tanh(tanhArgument(x))), 0.5))
	default:
		return Mul(x, Sigmoid(x))
	}
}

// activationSlope is the derivative of activated at x.
func activationSlope(kind architecture.Activation, x *Node) *Node {
	switch kind {
	case architecture.GELU:
		density := MulScalar(Exp(MulScalar(Square(x), -0.5)), 1/math.Sqrt(2*math.Pi))
		return Add(normalBelow(x), Mul(x, density))
	case architecture.GELUTanh:
		tanh := Tanh(tanhArgument(x))
		inner := MulScalar(OnePlus(MulScalar(Square(x), 3*cubicShare)), math.Sqrt(2/math.Pi)) // of tanhArgument
		return MulScalar(Add(OnePlus(tanh), Mul(Mul(x, OneMinus(Square(tanh))), inner)), 0.5)
	default:
		sigmoid := Sigmoid(x)
		return Mul(sigmoid, OnePlus(Mul(x, OneMinus(sigmoid))))
	}
}

// normalBelow is Φ(x): how much of the normal distribution lies below x.
func normalBelow(x *Node) *Node {
	return MulScalar(OnePlus(Erf(MulScalar(x, math.Sqrt2/2))), 0.5)
}

// cubicShare is the constant of GELU's approximation.
const cubicShare = 0.044715

func tanhArgument(x *Node) *Node {
	return MulScalar(Mul(x, OnePlus(MulScalar(Square(x), cubicShare))), math.Sqrt(2/math.Pi))
}
