package model

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/shannon-labs/scu/trainer/data"
)

// draw says which dropout masks a batch gets.
type draw struct{ seed, firstRow uint32 }

// inputs are a graph's parameters, in the order in which arguments gives them.
type inputs struct {
	ingredients
	tokens        *Node // [rows, length], int32
	index, labels *Node // [M], int32
	place         *Node // [N], int32: see scattered
}

func (p *Programs) inputs(nodes []*Node) *inputs {
	next := func() *Node { node := nodes[0]; nodes = nodes[1:]; return node }
	in := &inputs{ingredients: ingredients{arch: &p.base.Arch, compute: p.base.compute, recompute: p.options.GradientCheckpointing}}
	in.tokens, in.positions, in.segments = next(), next(), next()
	in.index, in.labels, in.place = next(), next(), next()
	in.seed, in.firstRow = next(), next()
	if p.layout != nil {
		in.layout, in.adapter = p.layout, next()
	}
	if p.rowSquares != nil {
		in.rowSquares = next()
	}
	in.frozen = newFrozenNodes(in.arch, nodes)
	return in
}

// arguments are those of inputs; temporary are the ones made here, to be freed after the call.
func (p *Programs) arguments(batch *data.Batch, capacity int, drawn draw, adapter *Vector) (arguments []any, temporary []*tensors.Tensor) {
	targets := len(batch.TargetIndex)
	filled := func(values []int32) *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(append(values[:targets:targets], make([]int32, capacity-targets)...), capacity)
	}
	place := make([]int32, batch.Rows*batch.Length)
	for i := range place {
		place[i] = int32(capacity)
	}
	for i, index := range batch.TargetIndex {
		place[index] = int32(i)
	}
	matrix := func(values []int32) *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(values, batch.Rows, batch.Length)
	}
	temporary = []*tensors.Tensor{
		matrix(batch.Tokens), matrix(batch.Positions), matrix(batch.Segments),
		filled(batch.TargetIndex), filled(batch.TargetLabel),
		tensors.FromFlatDataAndDimensions(place, len(place)),
		tensors.FromScalar(drawn.seed), tensors.FromScalar(drawn.firstRow),
	}
	for _, tensor := range temporary {
		arguments = append(arguments, tensor)
	}
	if p.layout != nil {
		arguments = append(arguments, adapter.tensor)
	}
	if p.rowSquares != nil {
		arguments = append(arguments, p.rowSquares)
	}
	for _, tensor := range p.base.tensors {
		arguments = append(arguments, tensor)
	}
	return arguments, temporary
}

// check refuses a batch that the graph would compute something else of: a gather beyond its table does not fail, but
// reads another row.
func (p *Programs) check(batch *data.Batch, capacity int) error {
	if targets := len(batch.TargetIndex); targets > capacity {
		return fmt.Errorf("a batch of %d targets does not fit the capacity of %d", targets, capacity)
	}
	arch := &p.base.Arch
	for what, ids := range map[string][]int32{"token": batch.Tokens, "target": batch.TargetLabel} {
		if id, at := firstOutside(ids, arch.Vocab); at >= 0 {
			return fmt.Errorf("%s %d of the batch is %d, but the model's embedding has %d rows; tokenizer and model do not belong together", what, at, id, arch.Vocab)
		}
	}
	if !arch.LearnedPositions {
		return nil
	}
	if position, at := firstOutside(batch.Positions, arch.ContextLength); at >= 0 {
		return fmt.Errorf("token %d of the batch is at position %d of its row, but the model has learned %d positions; lower block_size to %d",
			at, position, arch.ContextLength, arch.ContextLength)
	}
	return nil
}

// firstOutside is the first value below 0 or not below limit, and where it is; -1 for nowhere.
func firstOutside(values []int32, limit int) (value int32, at int) {
	for i, v := range values {
		if v < 0 || int(v) >= limit {
			return v, i
		}
	}
	return 0, -1
}
