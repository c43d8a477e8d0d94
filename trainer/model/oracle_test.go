package model

import (
	"fmt"
	"math"
	"testing"

	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/lora"
	"github.com/shannon-labs/scu/trainer/oracle"
	"github.com/shannon-labs/scu/trainer/weights"
)

// The tolerances that this program promises against PyTorch, transformers and PEFT in float32.
const (
	logitTolerance    = 1e-4 // relative to the largest logit
	lossTolerance     = 1e-5 // relative
	gradientTolerance = 1e-3 // relative to the largest element of a matrix
	trainingTolerance = 1e-3
)

// rig is a model of the oracle with its adapter on the device.
type rig struct {
	reference *oracle.Case
	base      *Base
	programs  *Programs
	adapter   *lora.Adapter
	vector    *Vector
}

func newRig(t *testing.T, name, precision string, adapterDirectory func(*oracle.Case) string) *rig {
	t.Helper()
	backend := openTestBackend(t)
	r := &rig{reference: oracle.Load(t, name)}
	source, err := weights.Open(r.reference.ModelDirectory)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	if r.base, err = LoadBase(backend, source, precision, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.base.Close)
	if r.adapter, err = lora.Load(adapterDirectory(r.reference), source.Config); err != nil {
		t.Fatal(err)
	}
	if r.programs, err = NewPrograms(r.base, r.adapter.Layout); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.programs.Close)
	r.vector = NewVector(r.adapter.Values)
	t.Cleanup(r.vector.Close)
	return r
}

func fullAdapter(c *oracle.Case) string   { return c.AdapterDirectory }
func subsetAdapter(c *oracle.Case) string { return c.SubsetAdapterDirectory }

// samples turns the oracle's rows into samples; every adds all positions as targets instead of the oracle's.
func samples(rows []oracle.Row, every bool) []data.Sample {
	var all []data.Sample
	for _, row := range rows {
		sample := data.Sample{Tokens: row.IDs, Target: make([]bool, len(row.IDs))}
		if every {
			for i := 1; i < len(row.IDs); i++ {
				sample.Target[i] = true
			}
		}
		for _, i := range row.Targets {
			sample.Target[i] = true
		}
		all = append(all, sample)
	}
	return all
}

// batchOf lays samples out, one a row, or all packed into one row.
func batchOf(t *testing.T, all []data.Sample, packed bool) *data.Batch {
	t.Helper()
	var blocks [][]int
	length := 0
	if packed {
		blocks = [][]int{{}}
	}
	for i, sample := range all {
		if packed {
			blocks[0] = append(blocks[0], i)
			length += len(sample.Tokens)
		} else {
			blocks = append(blocks, []int{i})
			length = max(length, len(sample.Tokens))
		}
	}
	batch, err := data.Assemble(all, blocks, len(blocks), length+3) // and some filling
	if err != nil {
		t.Fatal(err)
	}
	return &batch
}

func total(values []float32) float64 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	return sum
}

func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if !(math.Abs(got-want) <= relative*math.Abs(want)) {
		t.Errorf("%s: %.9g, want %.9g (relative difference %.2g, allowed %g)", what, got, want, math.Abs(got-want)/math.Abs(want), relative)
	}
}

// nearAll compares arrays relative to the largest element of want.
func nearAll(t *testing.T, what string, got, want []float32, relative float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	largest, difference := 0.0, 0.0
	for i := range want {
		largest = max(largest, math.Abs(float64(want[i])))
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if !(d <= difference) { // NaN counts
			difference = d
		}
	}
	if largest == 0 || !(difference <= relative*largest) {
		t.Errorf("%s: differs by up to %.3g of the largest element %.3g, allowed %g", what, difference/largest, largest, relative)
	}
}

func eachCase(t *testing.T, test func(t *testing.T, name string)) {
	for _, name := range []string{"untied", "tied"} {
		t.Run(name, func(t *testing.T) { test(t, name) })
	}
}

func TestLogitsEqualTransformersAndPEFT(t *testing.T) {
	eachCase(t, func(t *testing.T, name string) {
		r := newRig(t, name, "f32", fullAdapter)
		zero := NewVector(make([]float32, r.adapter.Layout.Size))
		defer zero.Close()
		vocab := r.base.Arch.Vocab
		for i, row := range r.reference.Rows {
			batch := batchOf(t, samples([]oracle.Row{row}, true), false)
			last := (len(row.IDs) - 1) * vocab // a position's logits predict the next token, and the last has none
			for what, c := range map[string]struct {
				adapter *Vector
				want    []float32
			}{"base": {zero, row.BaseLogits}, "adapted": {r.vector, row.AdaptedLogits}} {
				got, err := r.programs.Logits(batch, len(batch.TargetIndex)+5, c.adapter)
				if err != nil {
					t.Fatal(err)
				}
				nearAll(t, fmt.Sprintf("%s logits of row %d", what, i), got, c.want[:last], logitTolerance)
			}
		}
	})
}

func TestLossEqualsTransformersAndPEFT(t *testing.T) {
	eachCase(t, func(t *testing.T, name string) {
		r := newRig(t, name, "f32", fullAdapter)
		zero := NewVector(make([]float32, r.adapter.Layout.Size))
		defer zero.Close()
		for _, c := range []struct {
			what    string
			rows    []oracle.Row
			packed  bool
			adapter *Vector
			want    oracle.Loss
		}{
			{"base", r.reference.Rows, false, zero, r.reference.Base},
			{"adapted", r.reference.Rows, false, r.vector, r.reference.Adapted},
			{"packed", r.reference.PackedRows, true, zero, r.reference.Packed},
			{"the packed rows apart", r.reference.PackedRows, false, zero, r.reference.Packed},
		} {
			batch := batchOf(t, samples(c.rows, false), c.packed)
			nll, err := r.programs.Loss(batch, len(batch.TargetIndex)+7, c.adapter)
			if err != nil {
				t.Fatal(err)
			}
			if len(nll) != c.want.Targets {
				t.Errorf("%s: %d targets, want %d", c.what, len(nll), c.want.Targets)
			}
			near(t, c.what, total(nll), c.want.NLL, lossTolerance)
		}
	})
}

// meanGradient is the gradient of the mean negative log-likelihood of a batch, by PEFT's names.
func (r *rig) meanGradient(t *testing.T, batch *data.Batch) map[string][]float32 {
	t.Helper()
	nll, gradient, err := r.programs.Gradient(batch, len(batch.TargetIndex)+1, r.vector, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer gradient.Close()
	values := gradient.Values()
	for i := range values {
		values[i] /= float32(len(nll))
	}
	return byName(r.adapterWith(values))
}

// adapterWith gives values the layout of the rig's adapter.
func (r *rig) adapterWith(values []float32) *lora.Adapter {
	return &lora.Adapter{Layout: r.adapter.Layout, Values: values}
}

func byName(adapter *lora.Adapter) map[string][]float32 {
	named := map[string][]float32{}
	for _, tensor := range adapter.Tensors() {
		named[tensor.Name] = tensor.Data
	}
	return named
}

func compareNamed(t *testing.T, what string, got map[string][]float32, want map[string]oracle.Array, relative float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d matrices, want %d", what, len(got), len(want))
	}
	for name, array := range want {
		nearAll(t, what+" of "+name, got[name], array.Values, relative)
	}
}

func TestGradientEqualsPEFT(t *testing.T) {
	eachCase(t, func(t *testing.T, name string) {
		r := newRig(t, name, "f32", fullAdapter)
		batch := batchOf(t, samples(r.reference.Rows, false), false)
		compareNamed(t, "gradient", r.meanGradient(t, batch), r.reference.Gradients, gradientTolerance)
		packed := batchOf(t, samples(r.reference.Rows, false), true)
		compareNamed(t, "packed gradient", r.meanGradient(t, packed), r.reference.Gradients, gradientTolerance)
	})
}

func TestGradientOfSomeModulesEqualsPEFT(t *testing.T) {
	eachCase(t, func(t *testing.T, name string) {
		r := newRig(t, name, "f32", subsetAdapter)
		batch := batchOf(t, samples(r.reference.Rows, false), false)
		compareNamed(t, "gradient", r.meanGradient(t, batch), r.reference.SubsetGradients, gradientTolerance)
	})
}

// In bfloat16 the promise is weaker: a product's operands keep 8 bits.
func TestGradientInBfloat16IsClose(t *testing.T) {
	r := newRig(t, "untied", "bf16", fullAdapter)
	batch := batchOf(t, samples(r.reference.Rows, false), false)
	dot, gotNorm, wantNorm := 0.0, 0.0, 0.0
	got := r.meanGradient(t, batch)
	for name, array := range r.reference.Gradients {
		for i, want := range array.Values {
			g, w := float64(got[name][i]), float64(want)
			dot, gotNorm, wantNorm = dot+g*w, gotNorm+g*g, wantNorm+w*w
		}
	}
	if cosine := dot / math.Sqrt(gotNorm*wantNorm); !(cosine > 0.998) {
		t.Errorf("the cosine to the float32 gradient is %.5f, want above 0.998", cosine)
	}
	near(t, "norm of the gradient", math.Sqrt(gotNorm), math.Sqrt(wantNorm), 0.03)
}

func TestTenStepsOfAdamWEqualPyTorch(t *testing.T) {
	eachCase(t, func(t *testing.T, name string) {
		reference := oracle.Load(t, name)
		for what, training := range map[string]oracle.Training{"without prior": reference.Plain, "with prior": reference.Prior} {
			t.Run(what, func(t *testing.T) { repeatTraining(t, name, training) })
		}
	})
}

// repeatTraining takes the oracle's steps: two micro-batches of one row each, summed and divided by the targets of both.
func repeatTraining(t *testing.T, name string, want oracle.Training) {
	r := newRig(t, name, "f32", fullAdapter)
	o := want.Optimizer
	optimizer, err := NewOptimizer(openTestBackend(t), AdamW{Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon, MaxGradNorm: o.ClipNorm}, r.adapter.Values, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer optimizer.Close()
	for step, expected := range want.Steps {
		var gradients *Vector
		nll, targets := 0.0, 0
		for _, row := range r.reference.Rows {
			batch := batchOf(t, samples([]oracle.Row{row}, false), false)
			losses, gradient, err := r.programs.Gradient(batch, len(batch.TargetIndex), optimizer.Adapter(), 0)
			if err != nil {
				t.Fatal(err)
			}
			if gradients, err = optimizer.Accumulate(gradients, gradient); err != nil {
				t.Fatal(err)
			}
			nll, targets = nll+total(losses), targets+len(losses)
		}
		moved, err := optimizer.Step(gradients, targets, want.Lambda/(want.Sigma*want.Sigma*want.Tokens), o.LearningRate)
		if err != nil {
			t.Fatal(err)
		}
		near(t, fmt.Sprintf("cross-entropy of step %d", step), nll/float64(targets), expected.CE, lossTolerance)
		near(t, fmt.Sprintf("gradient norm of step %d", step), moved.GradNorm, expected.GradientNorm, gradientTolerance)
		near(t, fmt.Sprintf("Σw² before step %d", step), moved.Squares, expected.SumSquares, trainingTolerance)
	}
	final := byName(r.adapterWith(optimizer.Adapter().Values()))
	compareNamed(t, "weights after ten steps", final, want.Final, trainingTolerance)
}
