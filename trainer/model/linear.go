package model

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// projection is one module of a fused linear layer: its rows of the fused weight and, perhaps, its adapter.
type projection struct {
	out  int   // rows of the fused weight
	a, b *Node // A [rank, in] and Bᵀ [rank, out] in float32; nil without an adapter

	// Of DoRA, [out] in float32; nil without it.
	magnitude  *Node // trained
	rowSquares *Node // Σ W² of each row of the frozen weight
}

// linear is one or more linear layers on the same input, fused into one product: y = W x + bias + scale·B A dropout(x),
// with W and the bias frozen. The adapters of a fused layer are fused as well: their A lie on each other, and their B on
// the diagonal of one matrix, zero elsewhere. That multiplies by some zeros but makes one product of several, which is
// quicker to run and much quicker to compile. Modules on the same input share a dropout mask. DoRA, in dora.go, scales
// what W and the adapter give.
type linear struct {
	*builder
	weight      *Node // [Σ out, in], compute type
	bias        *Node // [Σ out], float32; nil without one
	projections []projection
	scale       float64 // α/rank, or α/√rank
	dropout     *dropout
	rounded     bool // forward's result is in the compute type: what is kept of it is smaller then
}

// linearSaved is what linear.backward needs from linear.forward; empty without an adapter.
type linearSaved struct {
	dropped *Node // [N, in], float32: the adapters' input after dropout
	down    *Node // [N, k·rank], float32: scale·A x of the k adapted modules, side by side
	dora    *doraSaved
}

// adapted says whether any of the modules carries an adapter.
func (l *linear) adapted() bool {
	for _, p := range l.projections {
		if p.a != nil {
			return true
		}
	}
	return false
}

// outputs is Σ out.
func (l *linear) outputs() int {
	total := 0
	for _, p := range l.projections {
		total += p.out
	}
	return total
}

// fusedAdapter returns the A of all adapted modules, [k·rank, in], and their Bᵀ, [k·rank, Σ out], both in the compute
// type; nil without any.
func (l *linear) fusedAdapter() (a, b *Node) {
	if !l.adapted() {
		return nil, nil
	}
	var as, bs []*Node
	before, total := 0, l.outputs()
	for _, p := range l.projections {
		if p.a != nil {
			as = append(as, p.a)
			bs = append(bs, padColumns(p.b, before, total-before-p.out))
		}
		before += p.out
	}
	return l.narrow(joined(as, 0)), l.narrow(joined(bs, 0))
}

// forward returns the modules' outputs side by side, [N, Σ out], for x [N, in], all in float32 unless rounded.
func (l *linear) forward(x *Node) (*Node, linearSaved) {
	var saved linearSaved
	y := l.timesTransposed(l.narrow(x), l.weight)
	if a, b := l.fusedAdapter(); a != nil {
		saved.dropped = l.dropout.apply(x)
		saved.down = MulScalar(l.timesTransposed(l.narrow(saved.dropped), a), l.scale)
		low := l.times(l.narrow(saved.down), b)
		if l.hasMagnitudes() {
			y, saved.dora = l.decomposed(y, low, saved.dropped, a, b)
		} else {
			y = Add(y, low)
		}
	}
	if l.bias != nil {
		y = Add(y, BroadcastToShape(ExpandAxes(l.bias, 0), y.Shape()))
	}
	if l.rounded {
		y = l.narrow(y)
	}
	return l.apart(y), saved // else XLA keeps the summands, to add them anew wherever the sum is used
}

// again puts x, forward's argument made a second time, in place of the one that saved keeps.
func (l *linear) again(x *Node, saved linearSaved) linearSaved {
	if saved.dropped != nil {
		saved.dropped = l.dropout.apply(x)
	}
	return saved
}

// adapterGradient is the gradient of one adapted module; shapes as projection's.
type adapterGradient struct{ a, b, magnitude *Node }

// backward takes the gradient of forward's result and returns that of x, [N, in], unless needInput is false, and those of
// the adapters, in the order of the projections that have one; all in float32.
func (l *linear) backward(gradient *Node, saved linearSaved, needInput bool) (*Node, []adapterGradient) {
	a, b := l.fusedAdapter()
	if a == nil {
		return l.frozenBackward(gradient, needInput), nil
	}
	inner := gradient // of W x + scale·B A x, before DoRA scales it
	if saved.dora != nil {
		inner = Mul(gradient, saved.dora.row(saved.dora.gain))
	}
	narrowed := l.narrow(inner)
	up := MulScalar(l.timesTransposed(narrowed, b), l.scale) // [N, k·rank]
	adapters := l.split(l.times(l.transposed(up), saved.dropped), l.times(l.transposed(saved.down), inner))
	if saved.dora != nil {
		l.splitMagnitudes(adapters, saved.dora.magnitudeGradient(gradient))
	}
	if !needInput {
		return nil, adapters
	}
	throughAdapter := l.times(l.narrow(up), a)
	if saved.dora != nil && l.dropout != nil {
		return l.decomposedInput(gradient, throughAdapter, saved.dora), adapters
	}
	return Add(l.times(narrowed, l.weight), l.dropout.apply(throughAdapter)), adapters
}

// frozenBackward is backward where no module carries an adapter.
func (l *linear) frozenBackward(gradient *Node, needInput bool) *Node {
	if !needInput {
		return nil
	}
	return l.times(l.narrow(gradient), l.weight)
}

// split takes the gradients of the fused adapter apart; what lies off the diagonal of B is not a weight.
func (l *linear) split(gradA, gradB *Node) []adapterGradient {
	var adapters []adapterGradient
	row, column := 0, 0
	for _, p := range l.projections {
		if p.a != nil {
			rank := p.a.Shape().Dim(0)
			adapters = append(adapters, adapterGradient{
				a: part(gradA, 0, row, row+rank),
				b: columns(part(gradB, 0, row, row+rank), column, column+p.out),
			})
			row += rank
		}
		column += p.out
	}
	return adapters
}

// repeated is a vector of one value.
func (b *builder) repeated(value float32, size int) *Node {
	return BroadcastToShape(Const(b.graph, value), shapes.Make(float32Type, size))
}
