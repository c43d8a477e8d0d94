package model

import (
	"fmt"
	"math"
	"testing"

	"github.com/shannon-labs/scu/trainer/oracle"
)

// The program of the loss alone, which runs without dropout and without a gradient.
func TestLossEqualsTransformers(t *testing.T) {
	t.Parallel()
	r := newRig(t, "tied", "f32", fullAdapter)
	for what, c := range map[string]struct {
		adapter *Vector
		want    oracle.Loss
	}{"base": {r.zero(t), r.reference.Base}, "adapted": {r.vector, r.reference.Adapted}} {
		losses, err := r.programs.Loss(r.rowsBatch(t, r.reference.Rows, false), r.capacity(), c.adapter)
		if err != nil {
			t.Fatal(err)
		}
		if len(losses) != c.want.Targets {
			t.Errorf("%s: %d targets, want %d", what, len(losses), c.want.Targets)
		}
		near(t, what, total(losses), c.want.NLL, lossTolerance)
	}
}

func TestGradientOfSomeModulesEqualsPEFT(t *testing.T) {
	t.Parallel()
	r := newRig(t, "untied", "f32", subsetAdapter)
	gradients, _ := r.meanGradient(t, r.rowsBatch(t, r.reference.Rows, false))
	compareNamed(t, "gradient", gradients, r.reference.SubsetGradients, gradientTolerance)
}

// rsLoRA differs from LoRA by its scale alone.
func TestRankStabilizedLogitsEqualPEFT(t *testing.T) {
	t.Parallel()
	r := newRig(t, "untied", "f32", func(c *oracle.Case) string { return c.RSLoRA.AdapterDirectory })
	want := r.wantedLogits(func(i int) []float32 { return r.reference.RSLoRA.Logits[i] })
	nearAll(t, "logits", r.allLogits(t, r.vector), want, logitTolerance)
}

// In bfloat16 the promise is weaker: a product's operands keep 8 bits.
func TestGradientInBfloat16IsClose(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"untied", "gemma2"} {
		r := newRig(t, name, "bf16", fullAdapter)
		dot, gotNorm, wantNorm := 0.0, 0.0, 0.0
		got, _ := r.meanGradient(t, r.rowsBatch(t, r.reference.Rows, false))
		for name, array := range r.reference.Gradients {
			for i, want := range array.Values {
				g, w := float64(got[name][i]), float64(want)
				dot, gotNorm, wantNorm = dot+g*w, gotNorm+g*g, wantNorm+w*w
			}
		}
		if cosine := dot / math.Sqrt(gotNorm*wantNorm); !(cosine > 0.998) {
			t.Errorf("%s: the cosine to the float32 gradient is %.5f, want above 0.998", name, cosine)
		}
		near(t, name+": norm of the gradient", math.Sqrt(gotNorm), math.Sqrt(wantNorm), 0.03)
	}
}

func TestTenStepsOfAdamWEqualPyTorch(t *testing.T) {
	t.Parallel()
	for _, name := range oracle.TrainedNames {
		r := newRig(t, name, "f32", fullAdapter)
		for what, training := range map[string]oracle.Training{"without prior": r.reference.Plain, "with prior": r.reference.Prior} {
			t.Run(name+" "+what, func(t *testing.T) { r.repeatTraining(t, training, lossTolerance, gradientTolerance, trainingTolerance) })
		}
	}
}

// In bfloat16 training goes the same way: the losses stay close to those of float32, step by step.
func TestTenStepsInBfloat16StayClose(t *testing.T) {
	t.Parallel()
	r := newRig(t, "untied", "bf16", fullAdapter)
	first, last := r.reference.Plain.Steps[0].CE, r.reference.Plain.Steps[len(r.reference.Plain.Steps)-1].CE
	if last > 0.97*first {
		t.Fatalf("the reference's loss goes from %g to %g: too little to tell training from standing still", first, last)
	}
	r.repeatTraining(t, r.reference.Plain, 0.01, 0.05, 0.15)
}

// repeatTraining takes the oracle's steps: two micro-batches of one row each, summed and divided by the targets of both.
func (r *rig) repeatTraining(t *testing.T, want oracle.Training, lossTolerance, normTolerance, weightTolerance float64) {
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
			batch := r.rowsBatch(t, []oracle.Row{row}, false)
			losses, gradient, err := r.programs.Gradient(batch, r.capacity(), optimizer.Adapter(), 0, 0)
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
		near(t, fmt.Sprintf("gradient norm of step %d", step), moved.GradNorm, expected.GradientNorm, normTolerance)
		near(t, fmt.Sprintf("Σw² before step %d", step), moved.Squares, expected.SumSquares, weightTolerance)
	}
	final := byName(r.adapterWith(valuesOf(t, optimizer.Adapter())))
	compareNamed(t, "weights after ten steps", final, want.Final, weightTolerance)
}
