package model

import (
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// AdamW holds the constants of the optimizer (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019), with
// PyTorch's order of operations.
type AdamW struct {
	Beta1, Beta2, Epsilon float64
	WeightDecay           float64
	MaxGradNorm           float64 // the whole gradient is scaled down to this norm; 0 means never
}

// Optimizer holds an adapter and its moments on the device and moves them a step at a time. The gradient of the prior
// is added to that of the data before the norm is taken and clipped.
type Optimizer struct {
	settings AdamW
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
	o := &Optimizer{settings: settings}
	var err error
	if o.update, err = NewExec(backend, o.build); err != nil {
		return nil, err
	}
	if o.add, err = NewExec(backend, func(x, y *Node) *Node { return Add(x, y) }); err != nil {
		return nil, err
	}
	zeros := make([]float32, len(values))
	if center == nil {
		center = zeros
	}
	o.adapter, o.center, o.first, o.second = NewVector(values), NewVector(center), NewVector(zeros), NewVector(zeros)
	return o, nil
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
	total, err := o.add.Call1(sum.tensor, gradient.tensor)
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
	outputs, err := o.update.Call(o.adapter.tensor, o.center.tensor, o.first.tensor, o.second.tensor, gradient.tensor, scalars)
	if err != nil {
		return Stepped{}, err
	}
	for i, v := range []**Vector{&o.adapter, &o.first, &o.second} {
		(*v).Close()
		*v = &Vector{outputs[i]}
	}
	stepped := Stepped{Squares: takeFloat64(outputs[3]), GradNorm: takeFloat64(outputs[4])}
	stepped.Skipped = math.IsNaN(stepped.GradNorm) || math.IsInf(stepped.GradNorm, 0)
	if !stepped.Skipped {
		o.steps++
	}
	return stepped, nil
}

func takeFloat64(tensor *tensors.Tensor) float64 {
	defer tensor.MustFinalizeAll()
	return tensors.ToScalar[float64](tensor)
}

// build is the graph of Step.
func (o *Optimizer) build(in []*Node) []*Node {
	w, center, first, second, gradient, scalars := in[0], in[1], in[2], in[3], in[4], in[5]
	scalar := func(i int) *Node { return Reshape(part(scalars, 0, i, i+1)) }
	perTarget, priorScale, learningRate, correction1, rootCorrection2 := scalar(0), scalar(1), scalar(2), scalar(3), scalar(4)

	distance := Sub(w, center)
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

func sumOfSquares(x *Node) *Node {
	return ReduceAllSum(Square(ConvertDType(x, dtypes.Float64)))
}
