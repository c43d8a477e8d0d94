package model

import (
	"fmt"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/lora"
)

// Vector is an adapter, its gradient or an optimizer moment on the device: a flat float32 vector of a layout's size.
type Vector struct{ tensor *tensors.Tensor }

// NewVector copies values to a vector.
func NewVector(values []float32) *Vector {
	return &Vector{tensors.FromFlatDataAndDimensions(values, len(values))}
}

// Values copies the vector to the host.
func (v *Vector) Values() []float32 { return tensors.MustCopyFlatData[float32](v.tensor) }

// Close frees the device's memory. A nil vector is closed already.
func (v *Vector) Close() {
	if v != nil {
		v.tensor.MustFinalizeAll()
	}
}

// Programs are the compiled graphs of one model with one adapter layout. Each compiles when it meets a batch shape for
// the first time: rows, length and the capacity for targets. Keep the shapes few. Not safe for concurrent use.
type Programs struct {
	base     *Base
	layout   *lora.Layout
	gradient *Exec
	loss     *Exec
	logits   *Exec
}

// NewPrograms prepares the graphs. layout may be nil: then there is only Loss and Logits, of the base model alone.
func NewPrograms(base *Base, layout *lora.Layout) (*Programs, error) {
	p := &Programs{base: base, layout: layout}
	for program, build := range map[**Exec]func([]*Node) []*Node{
		&p.gradient: p.buildGradient, &p.loss: p.buildLoss, &p.logits: p.buildLogits,
	} {
		exec, err := NewExec(base.backend, build)
		if err != nil {
			return nil, err
		}
		*program = exec
	}
	return p, nil
}

// Close frees the compiled programs.
func (p *Programs) Close() {
	for _, exec := range []*Exec{p.gradient, p.loss, p.logits} {
		exec.Finalize()
	}
}

// inputs are a graph's parameters, in the order in which arguments gives them.
type inputs struct {
	tokens, positions, segments *Node // [rows, length], int32
	index, labels               *Node // [M], int32
	weight                      *Node // [M], float32: 1 for a target, 0 for filling
	place                       *Node // [N], int32: see scattered
	seed                        *Node // uint32 scalar
	adapter                     *Node // flat; nil without a layout
	base                        baseNodes
}

func (p *Programs) inputs(nodes []*Node) *inputs {
	in := &inputs{
		tokens: nodes[0], positions: nodes[1], segments: nodes[2], index: nodes[3], labels: nodes[4], weight: nodes[5],
		place: nodes[6], seed: nodes[7],
	}
	nodes = nodes[8:]
	if p.layout != nil {
		in.adapter, nodes = nodes[0], nodes[1:]
	}
	in.base = arrange(p.base.Arch, nodes)
	return in
}

func (p *Programs) network(in *inputs, seed *Node) *network {
	return newNetwork(p.base.Arch, in.base, p.base.compute, in.positions, in.segments, p.layout, in.adapter, seed)
}

func (p *Programs) buildLoss(nodes []*Node) []*Node {
	in := p.inputs(nodes)
	n := p.network(in, nil)
	x, _ := n.forward(in.tokens)
	normed, _ := n.head.rows(x, in.index)
	nll, _ := n.head.crossEntropy(normed, in.labels, false)
	return []*Node{nll}
}

func (p *Programs) buildLogits(nodes []*Node) []*Node {
	in := p.inputs(nodes)
	n := p.network(in, nil)
	x, _ := n.forward(in.tokens)
	return []*Node{n.head.logits(x, in.index)}
}

func (p *Programs) buildGradient(nodes []*Node) []*Node {
	in := p.inputs(nodes)
	n := p.network(in, in.seed)
	x, saved := n.forward(in.tokens)
	normed, normSaved := n.head.rows(x, in.index)
	nll, gradient := n.head.crossEntropy(normed, in.labels, true)
	gradient = Mul(gradient, BroadcastToShape(ExpandAxes(in.weight, -1), gradient.Shape()))
	gradient = scattered(n.head.norm.backward(gradient, normSaved), in.place)
	return []*Node{nll, n.backward(gradient, saved)}
}

// Loss returns the negative log-likelihood of every target of the batch, in nats, without dropout. capacity is the
// number of targets that the compiled shape holds, at least the batch's. adapter is nil without a layout.
func (p *Programs) Loss(batch *data.Batch, capacity int, adapter *Vector) ([]float32, error) {
	outputs, err := p.run(p.loss, batch, capacity, 0, adapter)
	if err != nil {
		return nil, err
	}
	return takeFloats(outputs[0])[:len(batch.TargetLabel)], nil
}

// Logits returns the scores of every token of the vocabulary after each position of batch.TargetIndex, [targets, vocab]
// row-major. Labels are not looked at.
func (p *Programs) Logits(batch *data.Batch, capacity int, adapter *Vector) ([]float32, error) {
	outputs, err := p.run(p.logits, batch, capacity, 0, adapter)
	if err != nil {
		return nil, err
	}
	return takeFloats(outputs[0])[:len(batch.TargetIndex)*p.base.Arch.Vocab], nil
}

// Gradient returns, with dropout drawn from seed, the negative log-likelihood of every target in nats and the gradient
// of their sum (not their mean) by the adapter.
func (p *Programs) Gradient(batch *data.Batch, capacity int, adapter *Vector, seed uint32) ([]float32, *Vector, error) {
	outputs, err := p.run(p.gradient, batch, capacity, seed, adapter)
	if err != nil {
		return nil, nil, err
	}
	return takeFloats(outputs[0])[:len(batch.TargetLabel)], &Vector{outputs[1]}, nil
}

// CompileGradient compiles the program of Gradient for one batch shape, so that the first call need not.
func (p *Programs) CompileGradient(rows, length, capacity int) error {
	batch := &data.Batch{Rows: rows, Length: length}
	for _, values := range []*[]int32{&batch.Tokens, &batch.Positions, &batch.Segments} {
		*values = make([]int32, rows*length)
	}
	adapter := NewVector(make([]float32, p.layout.Size))
	defer adapter.Close()
	arguments, temporary, err := p.arguments(batch, capacity, 0, adapter)
	if err != nil {
		return err
	}
	defer closeAll(temporary)
	argumentShapes := make([]shapes.Shape, len(arguments))
	for i, argument := range arguments {
		argumentShapes[i] = argument.(*tensors.Tensor).Shape()
	}
	_, err = p.gradient.Compile(argumentShapes...)
	return err
}

func closeAll(temporary []*tensors.Tensor) {
	for _, tensor := range temporary {
		tensor.MustFinalizeAll()
	}
}

func takeFloats(tensor *tensors.Tensor) []float32 {
	defer tensor.MustFinalizeAll()
	return tensors.MustCopyFlatData[float32](tensor)
}

func (p *Programs) run(exec *Exec, batch *data.Batch, capacity int, seed uint32, adapter *Vector) ([]*tensors.Tensor, error) {
	arguments, temporary, err := p.arguments(batch, capacity, seed, adapter)
	if err != nil {
		return nil, err
	}
	defer closeAll(temporary)
	return exec.Call(arguments...)
}

// arguments are those of inputs; temporary are the ones made here, to be freed after the call.
func (p *Programs) arguments(batch *data.Batch, capacity int, seed uint32, adapter *Vector) ([]any, []*tensors.Tensor, error) {
	targets := len(batch.TargetIndex)
	if targets > capacity {
		return nil, nil, fmt.Errorf("a batch of %d targets does not fit the capacity of %d", targets, capacity)
	}
	filled := func(values []int32) []int32 {
		return append(values[:targets:targets], make([]int32, capacity-targets)...)
	}
	weight := make([]float32, capacity)
	place := make([]int32, batch.Rows*batch.Length)
	for i := range place {
		place[i] = int32(capacity)
	}
	for i, index := range batch.TargetIndex {
		weight[i] = 1
		place[index] = int32(i)
	}
	matrix := func(values []int32) *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(values, batch.Rows, batch.Length)
	}
	temporary := []*tensors.Tensor{
		matrix(batch.Tokens), matrix(batch.Positions), matrix(batch.Segments),
		tensors.FromFlatDataAndDimensions(filled(batch.TargetIndex), capacity),
		tensors.FromFlatDataAndDimensions(filled(batch.TargetLabel), capacity),
		tensors.FromFlatDataAndDimensions(weight, capacity),
		tensors.FromFlatDataAndDimensions(place, len(place)),
		tensors.FromScalar(seed),
	}
	var arguments []any
	for _, tensor := range temporary {
		arguments = append(arguments, tensor)
	}
	if p.layout != nil {
		arguments = append(arguments, adapter.tensor)
	}
	for _, tensor := range p.base.tensors {
		arguments = append(arguments, tensor)
	}
	return arguments, temporary, nil
}
