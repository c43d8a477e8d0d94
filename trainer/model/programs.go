package model

import (
	"fmt"
	"time"

	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/hostmemory"
	"github.com/shannon-labs/scu/trainer/lora"
)

// Options are choices of how to compute; none changes what is computed.
type Options struct {
	// GradientCheckpointing runs each block's forward pass again in the backward pass rather than keep what it saved: a
	// third more time, for memory that hardly grows with the number of blocks.
	GradientCheckpointing bool
}

// Programs are the compiled graphs of one model with one adapter layout. Each compiles when it meets a batch shape for
// the first time: rows, length and the capacity for targets. Keep the shapes few. Not safe for concurrent use.
type Programs struct {
	base       *Base
	layout     *lora.Layout
	options    Options
	gradient   *Exec
	loss       *Exec
	logits     *Exec
	rowSquares *tensors.Tensor // of DoRA: see squaresOfRows; nil without it
	compiled   map[*Graph]bool // those that compile has met
}

// NewPrograms prepares the graphs. layout may be nil: then there is only Loss and Logits, of the base model alone.
func NewPrograms(base *Base, layout *lora.Layout, options Options) (_ *Programs, err error) {
	p := &Programs{base: base, layout: layout, options: options, compiled: map[*Graph]bool{}}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	if layout != nil && layout.Config.DoRA {
		if p.rowSquares, err = squaresOfRows(base, layout); err != nil {
			return nil, fmt.Errorf("take the norms of the base's rows: %w", err)
		}
	}
	for _, program := range []struct {
		exec  **Exec
		build func([]*Node) []*Node
	}{{&p.gradient, p.buildGradient}, {&p.loss, p.buildLoss}, {&p.logits, p.buildLogits}} {
		if *program.exec, err = NewExec(base.backend, program.build); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Close frees the compiled programs.
func (p *Programs) Close() {
	for _, exec := range []*Exec{p.gradient, p.loss, p.logits} {
		if exec != nil {
			exec.Finalize()
		}
	}
	if p.rowSquares != nil {
		p.rowSquares.MustFinalizeAll()
	}
}

func (p *Programs) buildLoss(nodes []*Node) []*Node {
	in := p.inputs(nodes)
	in.seed, in.firstRow = nil, nil
	n := newNetwork(&in.ingredients)
	x, _ := n.forward(in.tokens, in.positions)
	normed, _ := n.head.rows(x, in.index)
	nll, _ := n.head.crossEntropy(normed, in.labels, false)
	return []*Node{nll}
}

func (p *Programs) buildLogits(nodes []*Node) []*Node {
	in := p.inputs(nodes)
	in.seed, in.firstRow = nil, nil
	n := newNetwork(&in.ingredients)
	x, _ := n.forward(in.tokens, in.positions)
	return []*Node{n.head.logits(x, in.index)}
}

func (p *Programs) buildGradient(nodes []*Node) []*Node {
	in := p.inputs(nodes)
	n := newNetwork(&in.ingredients)
	x, trail := n.forward(in.tokens, in.positions)
	normed, normSaved := n.head.rows(x, in.index)
	nll, gradient := n.head.crossEntropy(normed, in.labels, true)
	// What fills the capacity has a gradient too, but no place: scattered leaves it out.
	gradient = scattered(n.head.norm.backward(gradient, normSaved), in.place)
	return []*Node{nll, n.backward(gradient, trail)}
}

// Loss returns the negative log-likelihood of every target of the batch, in nats, without dropout. capacity is the
// number of targets that the compiled shape holds, at least the batch's. adapter is nil without a layout.
func (p *Programs) Loss(batch *data.Batch, capacity int, adapter *Vector) ([]float32, error) {
	outputs, err := p.run(p.loss, batch, capacity, draw{}, adapter)
	if err != nil {
		return nil, err
	}
	return firstFloats(outputs[0], len(batch.TargetLabel))
}

// Logits returns the scores of every token of the vocabulary after each position of batch.TargetIndex, [targets, vocab]
// row-major. Of the labels, only that they are tokens matters.
func (p *Programs) Logits(batch *data.Batch, capacity int, adapter *Vector) ([]float32, error) {
	outputs, err := p.run(p.logits, batch, capacity, draw{}, adapter)
	if err != nil {
		return nil, err
	}
	return firstFloats(outputs[0], len(batch.TargetIndex)*p.base.Arch.Vocab)
}

// Gradient returns, with dropout drawn from seed, the negative log-likelihood of every target in nats and the gradient
// of their sum (not their mean) by the adapter. firstRow is the number of the batch's first row within the micro-batch
// that the seed belongs to: 0, unless a micro-batch is run in parts, whose rows then drop what they would in the whole.
func (p *Programs) Gradient(batch *data.Batch, capacity int, adapter *Vector, seed, firstRow uint32) ([]float32, *Vector, error) {
	outputs, err := p.run(p.gradient, batch, capacity, draw{seed, firstRow}, adapter)
	if err != nil {
		return nil, nil, err
	}
	gradient := &Vector{outputs[1]}
	nll, err := firstFloats(outputs[0], len(batch.TargetLabel))
	if err != nil {
		gradient.Close()
		return nil, nil, err
	}
	return nll, gradient, nil
}

// firstFloats takes a result to the host and frees it; what fills the capacity is left out.
func firstFloats(tensor *tensors.Tensor, count int) ([]float32, error) {
	values, err := takeFloats(tensor)
	if err != nil {
		return nil, err
	}
	return values[:count], nil
}

// CompileGradient compiles the program of Gradient for one batch shape, so that the first call need not.
func (p *Programs) CompileGradient(rows, length, capacity int) error {
	_, err := p.compiledGradient(rows, length, capacity)
	return err
}

func (p *Programs) compiledGradient(rows, length, capacity int) (*Graph, error) {
	batch := &data.Batch{Rows: rows, Length: length}
	for _, values := range []*[]int32{&batch.Tokens, &batch.Positions, &batch.Segments} {
		*values = make([]int32, rows*length)
	}
	adapter := NewVector(make([]float32, p.layout.Size))
	defer adapter.Close()
	arguments, temporary := p.arguments(batch, capacity, draw{}, adapter)
	defer closeAll(temporary)
	return p.compile(p.gradient, arguments)
}

// compile compiles a program for the shapes of these arguments unless it has been.
func (p *Programs) compile(exec *Exec, arguments []any) (*Graph, error) {
	argumentShapes := make([]shapes.Shape, len(arguments))
	for i, argument := range arguments {
		argumentShapes[i] = argument.(*tensors.Tensor).Shape()
	}
	graph, err := exec.Compile(argumentShapes...)
	if err != nil {
		return nil, err
	}
	if !p.compiled[graph] {
		p.compiled[graph] = true
		hostmemory.Reclaim()
	}
	return graph, nil
}

func (p *Programs) run(exec *Exec, batch *data.Batch, capacity int, drawn draw, adapter *Vector) ([]*tensors.Tensor, error) {
	if err := p.check(batch, capacity); err != nil {
		return nil, err
	}
	arguments, temporary := p.arguments(batch, capacity, drawn, adapter)
	defer closeAll(temporary)
	if _, err := p.compile(exec, arguments); err != nil {
		return nil, err
	}
	before := hostmemory.Used()
	outputs, err := execute(exec, arguments...)
	if err == nil {
		awaitTemporaries(before, outputs)
	}
	return outputs, err
}

// temporariesPatience is how long what a program took besides its results may outlive it before the next one is run.
const temporariesPatience = 100 * time.Millisecond

// awaitTemporaries waits until a program's temporaries are given back. XLA's CPU client says that the results are there
// a moment before another of its threads gives them back; on a busy machine the next program came in between now and
// then, and took as much again. before is what was used as the program began.
func awaitTemporaries(before uint64, outputs []*tensors.Tensor) {
	for _, output := range outputs {
		before += uint64(output.Shape().ByteSize()) + hostmemory.Page
	}
	hostmemory.Await(before, temporariesPatience)
}
