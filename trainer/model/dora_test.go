package model

import (
	"math"
	"slices"
	"testing"

	"github.com/shannon-labs/scu/trainer/lora"
	"github.com/shannon-labs/scu/trainer/oracle"
	"github.com/shannon-labs/scu/trainer/weights"
)

func doraAdapter(c *oracle.Case) string { return c.DoRA.AdapterDirectory }

func TestDoRAEqualsPEFT(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"untied", "gpt2"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, name, "f32", doraAdapter)
			want := r.wantedLogits(func(i int) []float32 { return r.reference.DoRA.Logits[i] })
			nearAll(t, "logits", r.allLogits(t, r.vector), want, logitTolerance)
			gradients, nll := r.meanGradient(t, r.rowsBatch(t, r.reference.Rows, false))
			near(t, "loss", nll, r.reference.DoRA.Loss.NLL, lossTolerance)
			compareNamed(t, "gradient", gradients, r.reference.DoRA.Gradients, gradientTolerance)
		})
	}
}

// A DoRA adapter that has not been trained changes nothing, in the base's own precision: not even by rounding.
func TestAFreshDoRAAdapterEqualsItsBase(t *testing.T) {
	t.Parallel()
	for _, precision := range []string{"f32", "bf16"} {
		r := newRig(t, "gpt2", precision, doraAdapter)
		values := r.adapter.Layout.Initial(3)
		magnitudes, err := r.programs.Magnitudes(r.zero(t))
		if err != nil {
			t.Fatal(err)
		}
		copy(values[r.adapter.Layout.Matrices:], magnitudes)
		fresh := NewVector(values)
		defer fresh.Close()

		base := *r
		if base.programs, err = NewPrograms(r.base, nil, Options{}); err != nil {
			t.Fatal(err)
		}
		defer base.programs.Close()
		if got, want := r.allLogits(t, fresh), base.allLogits(t, nil); !slices.Equal(got, want) {
			t.Errorf("%s: the logits differ by up to %g of the largest", precision, relativeDifference(t, got, want))
		}
	}
}

// The norms of W + scale·B A, formed here in float64.
func TestMagnitudesAreTheNormsOfTheAdaptedRows(t *testing.T) {
	t.Parallel()
	r := newRig(t, "untied", "f32", doraAdapter)
	got, err := r.programs.Magnitudes(r.vector)
	if err != nil {
		t.Fatal(err)
	}
	source, err := weights.Open(r.reference.ModelDirectory)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	layout := r.adapter.Layout
	want := make([]float32, layout.Size-layout.Matrices)
	for _, slot := range layout.Slots {
		weight, err := source.Float32(weightOf(source.Config.Path(slot.Layer, slot.Module)), nil)
		if err != nil {
			t.Fatal(err)
		}
		for row := range slot.Out {
			want[slot.Magnitude-layout.Matrices+row] = float32(adaptedRowNorm(r.adapter, slot, weight, row))
		}
	}
	nearAll(t, "norms", got, want, 1e-6)
}

func adaptedRowNorm(adapter *lora.Adapter, slot lora.Slot, weight []float32, row int) float64 {
	config, sum := adapter.Layout.Config, 0.0
	for column := range slot.In {
		w := float64(weight[row*slot.In+column])
		for k := range config.Rank {
			w += config.Scale() * float64(adapter.Values[slot.B+k*slot.Out+row]) * float64(adapter.Values[slot.A+k*slot.In+column])
		}
		sum += w * w
	}
	return math.Sqrt(sum)
}

func TestAnAdapterWithoutMagnitudesHasNone(t *testing.T) {
	t.Parallel()
	r := newRig(t, "untied", "f32", fullAdapter)
	if magnitudes, err := r.programs.Magnitudes(r.vector); err == nil {
		t.Errorf("%d magnitudes", len(magnitudes))
	}
}
