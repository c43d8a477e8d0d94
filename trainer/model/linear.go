package model

import (
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// projection is one module of a fused linear layer: its rows of the fused weight and, perhaps, its adapter.
type projection struct {
	out  int   // rows of the fused weight
	a, b *Node // A [rank, in] and Bᵀ [rank, out] in float32; nil without an adapter
}

// linear is one or more linear layers on the same input, fused into one product: y = W x + scale·B A dropout(x), with W
// frozen. The adapters of a fused layer are fused as well: their A lie on each other, and their B on the diagonal of one
// matrix, zero elsewhere. That multiplies by some zeros but makes one product of several, which is quicker to run and
// much quicker to compile. Modules on the same input share a dropout mask.
type linear struct {
	*builder
	weight      *Node // [Σ out, in], compute type
	projections []projection
	scale       float64 // α/rank
	dropout     *dropout
}

// linearSaved is what linear.backward needs from linear.forward; empty without an adapter.
type linearSaved struct {
	dropped *Node // [N, in], float32: the adapters' input after dropout
	down    *Node // [N, k·rank], float32: scale·A x of the k adapted modules, side by side
}

// adapted returns the projections that carry an adapter.
func (l *linear) adapted() []projection {
	var adapted []projection
	for _, p := range l.projections {
		if p.a != nil {
			adapted = append(adapted, p)
		}
	}
	return adapted
}

// fusedAdapter returns the A of all adapted modules, [k·rank, in], and their Bᵀ, [k·rank, Σ out], both in the compute
// type; nil without any.
func (l *linear) fusedAdapter() (a, b *Node) {
	total := 0
	for _, p := range l.projections {
		total += p.out
	}
	var as, bs []*Node
	before := 0
	for _, p := range l.projections {
		if p.a != nil {
			as = append(as, p.a)
			bs = append(bs, padColumns(p.b, before, total-before-p.out))
		}
		before += p.out
	}
	if len(as) == 0 {
		return nil, nil
	}
	return l.narrow(joined(as, 0)), l.narrow(joined(bs, 0))
}

// padColumns puts columns of zeros before and after x.
func padColumns(x *Node, before, after int) *Node {
	rows := x.Shape().Dim(0)
	nodes := []*Node{x}
	if before > 0 {
		nodes = append([]*Node{Zeros(x.Graph(), shapes.Make(float32Type, rows, before))}, nodes...)
	}
	if after > 0 {
		nodes = append(nodes, Zeros(x.Graph(), shapes.Make(float32Type, rows, after)))
	}
	return joined(nodes, -1)
}

// forward returns each module's output, [N, out], for x [N, in], all in float32.
func (l *linear) forward(x *Node) ([]*Node, linearSaved) {
	var saved linearSaved
	fused := l.timesTransposed(l.narrow(x), l.weight)
	if a, b := l.fusedAdapter(); a != nil {
		saved.dropped = l.dropout.apply(x)
		saved.down = MulScalar(l.timesTransposed(l.narrow(saved.dropped), a), l.scale)
		fused = Add(fused, l.times(l.narrow(saved.down), b))
	}
	outputs := make([]*Node, len(l.projections))
	from := 0
	for i, p := range l.projections {
		outputs[i] = columns(fused, from, from+p.out)
		from += p.out
	}
	return outputs, saved
}

// adapterGradient is the gradient of one adapted module.
type adapterGradient struct{ a, b *Node } // shapes as projection's

// backward takes the gradients of the outputs and returns that of x, [N, in], unless needInput is false, and those of
// the adapters, in the order of the projections that have one; all in float32.
func (l *linear) backward(gradients []*Node, saved linearSaved, needInput bool) (*Node, []adapterGradient) {
	gradient := joined(gradients, -1)
	narrowed := l.narrow(gradient)
	var gradX *Node
	if needInput {
		gradX = l.times(narrowed, l.weight)
	}
	a, b := l.fusedAdapter()
	if a == nil {
		return gradX, nil
	}
	up := MulScalar(l.timesTransposed(narrowed, b), l.scale) // [N, k·rank]
	if needInput {
		gradX = Add(gradX, l.dropout.apply(l.times(l.narrow(up), a)))
	}
	gradA := l.times(l.transposed(up), saved.dropped)
	gradB := l.times(l.transposed(saved.down), gradient)
	return gradX, l.split(gradA, gradB)
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
