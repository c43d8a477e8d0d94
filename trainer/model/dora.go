package model

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// DoRA (Liu and others, "DoRA: Weight-Decomposed Low-Rank Adaptation", 2024) gives every output of an adapted layer a
// trained magnitude m and lets W + scale·B A say the direction alone:
//
//	y = g·(W x + scale·B A x) + bias,   g = m/‖W + scale·B A‖ by rows.
//
// The conventions are PEFT's. The norm is a constant to the gradient, as section 4.3 of the paper proposes. Under dropout
// the undropped W x stays, and only the change to it sees the dropped input x̃:
//
//	y = W x + (g−1)·W x̃ + g·scale·B A x̃ + bias.

// smallestSquare keeps a row of zeros, whose direction is undefined, from dividing by zero: it stays zero.
const smallestSquare = 1e-30

// doraSaved is what the backward pass needs, float32. A module without magnitudes has a gain of 1.
type doraSaved struct {
	gain      *Node // g, [Σ out]
	norm      *Node // ‖W + scale·B A‖ by rows, [Σ out]
	direction *Node // W x̃ + scale·B A x̃, [N, Σ out]
}

// row repeats a vector [Σ out] for every position.
func (s *doraSaved) row(vector *Node) *Node {
	return BroadcastToShape(ExpandAxes(vector, 0), s.direction.Shape())
}

func (l *linear) hasMagnitudes() bool {
	for _, p := range l.projections {
		if p.magnitude != nil {
			return true
		}
	}
	return false
}

// perOutput joins what of gives for each projection, or ones where that is nil.
func (l *linear) perOutput(of func(projection) *Node) *Node {
	var parts []*Node
	for _, p := range l.projections {
		node := of(p)
		if node == nil {
			node = l.repeated(1, p.out)
		}
		parts = append(parts, node)
	}
	return joined(parts, 0)
}

// rowNorms is ‖W + scale·B A‖ by rows, [Σ out]; 1 for a module without magnitudes. With a row b of B, squared it is
// ‖W‖² + 2·scale·b·(A Wᵀ) + scale²·b·(A Aᵀ)·bᵀ: the sum of both matrices is never formed. With B = 0 what is added is
// exactly 0.
func (l *linear) rowNorms(a, b *Node) *Node {
	squares := l.perOutput(func(p projection) *Node { return p.rowSquares })
	across := l.timesTransposed(a, l.weight)                  // A Wᵀ, [k·rank, Σ out]
	wideA, wideB := widen(a), widen(b)                        // small, so not worth rounding again
	within := l.times(l.timesTransposed(wideA, wideA), wideB) // A Aᵀ Bᵀ, [k·rank, Σ out]
	added := Add(MulScalar(across, 2*l.scale), MulScalar(within, l.scale*l.scale))
	return Sqrt(MaxScalar(Add(squares, ReduceSum(Mul(wideB, added), 0)), smallestSquare))
}

// decomposed is forward's sum without the bias. base is W x and low is scale·B A x̃.
func (l *linear) decomposed(base, low, dropped, a, b *Node) (*Node, *doraSaved) {
	saved := &doraSaved{norm: l.apart(l.rowNorms(a, b))}
	saved.gain = Div(l.perOutput(func(p projection) *Node { return p.magnitude }), saved.norm)
	if l.dropout == nil {
		saved.direction = Add(base, low)
		return Mul(saved.direction, saved.row(saved.gain)), saved
	}
	baseDropped := l.timesTransposed(l.narrow(dropped), l.weight)
	saved.direction = Add(baseDropped, low)
	change := Add(Mul(baseDropped, saved.row(AddScalar(saved.gain, -1))), Mul(low, saved.row(saved.gain)))
	return Add(base, change), saved
}

// magnitudeGradient takes the gradient of forward's result to that of the magnitudes, [Σ out].
func (s *doraSaved) magnitudeGradient(gradient *Node) *Node {
	return Div(ReduceSum(Mul(gradient, s.direction), 0), s.norm)
}

// splitMagnitudes puts each module's part of the magnitudes' gradient into adapters.
func (l *linear) splitMagnitudes(adapters []adapterGradient, gradient *Node) {
	adapter, from := 0, 0
	for _, p := range l.projections {
		if p.a != nil {
			adapters[adapter].magnitude = part(gradient, 0, from, from+p.out)
			adapter++
		}
		from += p.out
	}
}

// decomposedInput is the gradient of forward's argument under dropout; throughAdapter is what the adapter gives of it.
func (l *linear) decomposedInput(gradient, throughAdapter *Node, saved *doraSaved) *Node {
	change := Mul(gradient, saved.row(AddScalar(saved.gain, -1)))
	throughDropped := Add(l.times(l.narrow(change), l.weight), throughAdapter)
	return Add(l.times(l.narrow(gradient), l.weight), l.dropout.apply(throughDropped))
}
