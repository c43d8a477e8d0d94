package model

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

const float32Type = dtypes.Float32

// builder carries what every piece of a graph needs: the graph, and the type of the operands of its products.
type builder struct {
	graph   *Graph
	compute dtypes.DType
}

// narrow converts to the compute type.
func (b *builder) narrow(x *Node) *Node { return ConvertDType(x, b.compute) }

// product contracts the last axis of left with rightAxis of right; operands of rank 3 share their first axis as a batch
// axis. Both operands have one type; the result is float32.
func (b *builder) product(left, right *Node, rightAxis int) *Node {
	var batch []int
	if left.Rank() == 3 {
		batch = []int{0}
	}
	return Dot(left, right).WithAccumulatorDType(left.DType()).WithOutputDType(float32Type).
		General([]int{left.Rank() - 1}, batch, []int{rightAxis}, batch)
}

// times is x·y for x [.., n, k] and y [.., k, m].
func (b *builder) times(x, y *Node) *Node { return b.product(x, y, y.Rank()-2) }

// timesTransposed is x·yᵀ for x [.., n, k] and y [.., m, k].
func (b *builder) timesTransposed(x, y *Node) *Node { return b.product(x, y, y.Rank()-1) }

// transposed lays the last two axes out in the other order in memory. The barrier keeps XLA from folding the transpose
// into the product, which would give a left operand that its matrix library does not take.
func (b *builder) transposed(x *Node) *Node {
	return b.apart(Transpose(x, x.Rank()-2, x.Rank()-1))
}

// apart keeps XLA from computing x inside what uses it: x is made once, in memory. A barrier on a single operand is
// dropped on the CPU, so it gets a companion.
func (b *builder) apart(x *Node) *Node {
	return OptimizationBarriers(x, Const(b.graph, float32(0)))[0]
}

// part takes [from, to) of one axis.
func part(x *Node, axis, from, to int) *Node {
	if from == 0 && to == x.Shape().Dim(axis) {
		return x
	}
	ranges := make([]SliceAxisSpec, x.Rank())
	for i := range ranges {
		ranges[i] = AxisRange()
	}
	ranges[axis] = AxisRange(from, to)
	return Slice(x, ranges...)
}

// widen converts to float32.
func widen(x *Node) *Node { return ConvertDType(x, float32Type) }

// columns takes [from, to) of the last axis.
func columns(x *Node, from, to int) *Node { return part(x, x.Rank()-1, from, to) }

// joined concatenates along an axis; one node is itself.
func joined(nodes []*Node, axis int) *Node {
	if len(nodes) == 1 {
		return nodes[0]
	}
	return Concatenate(nodes, axis)
}

// padColumns puts columns of zeros before and after x, along the last axis.
func padColumns(x *Node, before, after int) *Node {
	zeros := func(columns int) *Node {
		dimensions := append([]int(nil), x.Shape().Dimensions...)
		dimensions[len(dimensions)-1] = columns
		return Zeros(x.Graph(), shapes.Make(x.DType(), dimensions...))
	}
	nodes := []*Node{x}
	if before > 0 {
		nodes = []*Node{zeros(before), x}
	}
	if after > 0 {
		nodes = append(nodes, zeros(after))
	}
	return joined(nodes, -1)
}
