package model

import (
	"errors"
	"fmt"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// AdamW holds the constants of the optimizer (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019), with
// PyTorch's order of operations.
type AdamW struct {
	Beta1, Beta2, Epsilon float64
	WeightDecay           float64
	MaxGradNorm           float64 // the whole gradient is scaled down to this norm; 0 means never

	// Matrices is how many weights, the first of the vector, the prior is on: those of A and B. The magnitudes of DoRA
	// follow them; a prior that pulled these to 0 would pull the base's weights there. 0 means every weight.
	Matrices int
}

// Optimizer holds an adapter and its moments on the device and moves them a step at a time. The gradient of the prior
// is added to that of the data before the norm is taken and clipped.
type Optimizer struct {
	settings AdamW
	size     int // of every vector
	update   *Exec
	add      *Exec
	adapter  *Vector // w
	center   *Vector // c: the prior's centre
	first    *Vector // moment
	second   *Vector // moment
	steps    int     // taken so far, non-finite ones not counted
}

// NewOptimizer starts from the adapter's values. center is the prior's centre, or nil for zero.
func NewOptimizer(backend compute.Backend, settings AdamW, values, center []float32) (*Optimizer, error) {
	zeros := make([]float32, len(values))
	if center == nil {
		center = zeros
	}
	if settings.Matrices == 0 {
		settings.Matrices = len(values)
	}
	if len(center) != len(values) || settings.Matrices > len(values) {
		return nil, fmt.Errorf("an adapter of %d values does not go with a prior on %d of them and a centre of %d", len(values), settings.Matrices, len(center))
	}
	o := &Optimizer{settings: settings, size: len(values)}
	var err error
	if o.update, err = NewExec(backend, o.build); err != nil {
		return nil, err
	}
	if o.add, err = NewExec(backend, func(x, y *Node) *Node { return Add(x, y) }); err != nil {
		o.update.Finalize()
		return nil, err
	}
	o.adapter, o.center, o.first, o.second = NewVector(values), NewVector(center), NewVector(zeros), NewVector(zeros)
	return o, nil
}

// Compile builds the programs of Step and Accumulate, so that the first of them need not.
func (o *Optimizer) Compile() error {
	vector, scalars := shapes.Make(float32Type, o.size), shapes.Make(float32Type, 5)
	if _, err := o.update.Compile(vector, vector, vector, vector, vector, scalars); err != nil {
		return fmt.Errorf("compile the optimizer: %w", err)
	}
	if _, err := o.add.Compile(vector, vector); err != nil {
		return fmt.Errorf("compile the sum of gradients: %w", err)
	}
	return nil
}

// OptimizerState is everything that Step changes. The centre of the prior stays as it was made.
type OptimizerState struct {
	Adapter, First, Second []float32
	Steps                  int // that moved the adapter
}

// State copies the optimizer's state to the host.
func (o *Optimizer) State() (OptimizerState, error) {
	s := OptimizerState{Steps: o.steps}
	for target, vector := range map[*[]float32]*Vector{&s.Adapter: o.adapter, &s.First: o.first, &s.Second: o.second} {
		values, err := vector.Values()
		if err != nil {
			return OptimizerState{}, fmt.Errorf("the optimizer's state: %w", err)
		}
		*target = values
	}
	return s, nil
}

// Center copies the prior's centre to the host.
func (o *Optimizer) Center() ([]float32, error) { return o.center.Values() }

// Restore puts the optimizer where another one with the same settings and centre was.
func (o *Optimizer) Restore(s OptimizerState) error {
	if len(s.Adapter) != o.size || len(s.First) != o.size || len(s.Second) != o.size || s.Steps < 0 {
		return fmt.Errorf("an optimizer's state of %d, %d and %d values and %d steps does not fit an adapter of %d",
			len(s.Adapter), len(s.First), len(s.Second), s.Steps, o.size)
	}
	err := o.replace(NewVector(s.Adapter), NewVector(s.First), NewVector(s.Second))
	o.steps = s.Steps
	return err
}

// replace takes over what a step has made, and frees what was there.
func (o *Optimizer) replace(adapter, first, second *Vector) error {
	err := errors.Join(o.adapter.tensor.FinalizeAll(), o.first.tensor.FinalizeAll(), o.second.tensor.FinalizeAll())
	o.adapter, o.first, o.second = adapter, first, second
	return err
}

// Adapter is the adapter as it stands. The optimizer owns it: it is gone after the next Step.
func (o *Optimizer) Adapter() *Vector { return o.adapter }

// Close frees the device's memory.
func (o *Optimizer) Close() {
	for _, v := range []*Vector{o.adapter, o.center, o.first, o.second} {
		v.Close()
	}
	o.update.Finalize()
	o.add.Finalize()
}

// Accumulate returns sum + gradient and closes both. A nil sum is zero.
func (o *Optimizer) Accumulate(sum, gradient *Vector) (*Vector, error) {
	if sum == nil {
		return gradient, nil
	}
	total, err := execute1(o.add, sum.tensor, gradient.tensor)
	sum.Close()
	gradient.Close()
	if err != nil {
		return nil, err
	}
	return &Vector{total}, nil
}

// Stepped is what a step saw before it moved the adapter.
type Stepped struct {
	Squares  float64 // Σ(w−c)²
	GradNorm float64 // of the objective, nats per target token, before clipping
	Skipped  bool    // the gradient was not finite, and nothing was moved
}

// Step moves the adapter by one step of AdamW and closes gradient, which is the gradient of the summed negative
// log-likelihood of targets tokens. priorScale is λ/(σ²N): what (w−c) is multiplied by in the prior's gradient.
func (o *Optimizer) Step(gradient *Vector, targets int, priorScale, learningRate float64) (Stepped, error) {
	defer gradient.Close()
	t := float64(o.steps + 1)
	scalars := []float32{
		float32(1 / float64(targets)), float32(priorScale), float32(learningRate),
		float32(1 - math.Pow(o.settings.Beta1, t)), float32(math.Sqrt(1 - math.Pow(o.settings.Beta2, t))),
	}
	outputs, err := execute(o.update, o.adapter.tensor, o.center.tensor, o.first.tensor, o.second.tensor, gradient.tensor, scalars)
	if err != nil {
		return Stepped{}, err
	}
	moved := o.replace(&Vector{outputs[0]}, &Vector{outputs[1]}, &Vector{outputs[2]})
	figures, err := takeFloat64s(outputs[3], outputs[4])
	if err = errors.Join(moved, err); err != nil {
		return Stepped{}, err
	}
	stepped := Stepped{Squares: figures[0], GradNorm: figures[1]}
	stepped.Skipped = math.IsNaN(stepped.GradNorm) || math.IsInf(stepped.GradNorm, 0)
	if !stepped.Skipped {
		o.steps++
	}
	return stepped, nil
}

// takeFloat64s copies scalars to the host and frees all of them, also where one cannot be read.
func takeFloat64s(scalars ...*tensors.Tensor) ([]float64, error) {
	taken := make([]float64, len(scalars))
	var failures []error
	for i, scalar := range scalars {
		values, err := tensors.CopyFlatData[float64](scalar)
		if err == nil {
			taken[i] = values[0]
		}
		failures = append(failures, err, scalar.FinalizeAll())
	}
	if err := errors.Join(failures...); err != nil {
		return nil, fmt.Errorf("read a figure of the step: %w", err)
	}
	return taken, nil
}

// build is the graph of Step.
func (o *Optimizer) build(in []*Node) []*Node {
	w, center, first, second, gradient, scalars := in[0], in[1], in[2], in[3], in[4], in[5]
	scalar := func(i int) *Node { return Reshape(part(scalars, 0, i, i+1)) }
	perTarget, priorScale, learningRate, correction1, rootCorrection2 := scalar(0), scalar(1), scalar(2), scalar(3), scalar(4)

	distance := o.onMatrices(Sub(w, center))
	gradient = Add(Mul(gradient, perTarget), Mul(distance, priorScale))
	// Millions of squares are summed in float64: in float32 the sum would lose the digits that S is made of.
	squares := sumOfSquares(distance)
	norm := Sqrt(sumOfSquares(gradient))
	if o.settings.MaxGradNorm > 0 {
		shrink := Div(Const(w.Graph(), o.settings.MaxGradNorm), AddScalar(norm, 1e-6))
		gradient = Mul(gradient, ConvertDType(MinScalar(shrink, 1), float32Type))
	}
	newFirst := Add(MulScalar(first, o.settings.Beta1), MulScalar(gradient, 1-o.settings.Beta1))
	newSecond := Add(MulScalar(second, o.settings.Beta2), MulScalar(Square(gradient), 1-o.settings.Beta2))
	denominator := AddScalar(Div(Sqrt(newSecond), rootCorrection2), o.settings.Epsilon)
	moved := Sub(w, Mul(Div(learningRate, correction1), Div(newFirst, denominator)))
	if o.settings.WeightDecay > 0 {
		moved = Sub(moved, Mul(w, MulScalar(learningRate, o.settings.WeightDecay)))
	}
	keepIfFinite := func(new, old *Node) *Node {
		finite := BroadcastToShape(IsFinite(norm), new.Shape())
		return Where(finite, new, old)
	}
	return []*Node{keepIfFinite(moved, w), keepIfFinite(newFirst, first), keepIfFinite(newSecond, second), squares, norm}
}

// onMatrices is x with zeros where the prior is not.
func (o *Optimizer) onMatrices(x *Node) *Node {
	if o.settings.Matrices == o.size {
		return x
	}
	rest := Zeros(x.Graph(), shapes.Make(float32Type, o.size-o.settings.Matrices))
	return Concatenate([]*Node{part(x, 0, 0, o.settings.Matrices), rest}, 0)
}

func sumOfSquares(x *Node) *Node {
	return ReduceAllSum(Square(ConvertDType(x, dtypes.Float64)))
}
