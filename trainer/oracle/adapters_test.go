package oracle

import (
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// Gradients must have the adapters' names and shapes, and none may vanish.
func TestGradientsMatchTheAdapters(t *testing.T) {
	t.Parallel()
	for _, name := range Names {
		c := Load(t, name)
		requireGradients(t, name, c.Gradients, readAdapter(t, c.AdapterDirectory))
		if c.SubsetAdapterDirectory != "" {
			requireGradients(t, name+" subset", c.SubsetGradients, readAdapter(t, c.SubsetAdapterDirectory))
		}
		if c.DoRA != nil {
			requireGradients(t, name+" DoRA", c.DoRA.Gradients, readAdapter(t, c.DoRA.AdapterDirectory))
		}
	}
}

func requireGradients(t *testing.T, what string, gradients, adapter map[string]Array) {
	t.Helper()
	requireSameLayout(t, what+" gradients", gradients, adapter)
	for tensor, gradient := range gradients {
		if squares := sumSquares(map[string]Array{tensor: gradient}); !(squares > 0) || math.IsInf(squares, 1) {
			t.Errorf("%s: the gradient by %s has the squared norm %g", what, tensor, squares)
		}
	}
}

func readAdapter(t *testing.T, directory string) map[string]Array {
	t.Helper()
	adapter, err := readArrays(filepath.Join(directory, "adapter_model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return adapter
}

// The other kinds of adapter are what their names say, and DoRA's magnitudes are in the file.
func TestVariantsOfTheAdapter(t *testing.T) {
	t.Parallel()
	for _, name := range Names {
		c := Load(t, name)
		if (c.DoRA != nil) != (name == "untied" || name == "gpt2") || (c.RSLoRA != nil) != (name == "untied") {
			t.Errorf("%s: DoRA %v, rsLoRA %v", name, c.DoRA != nil, c.RSLoRA != nil)
		}
		if c.DoRA != nil {
			requireSetting(t, c.DoRA.AdapterDirectory, "use_dora", true)
			plain, dora := readAdapter(t, c.AdapterDirectory), readAdapter(t, c.DoRA.AdapterDirectory)
			if 2*len(dora) != 3*len(plain) {
				t.Errorf("%s: DoRA has %d tensors, LoRA %d; want one more for each pair", name, len(dora), len(plain))
			}
		}
		if c.RSLoRA != nil {
			requireSetting(t, c.RSLoRA.AdapterDirectory, "use_rslora", true)
			if !reflect.DeepEqual(readAdapter(t, c.RSLoRA.AdapterDirectory), readAdapter(t, c.AdapterDirectory)) {
				t.Errorf("%s: rsLoRA's weights are not the adapter's", name)
			}
		}
		requireSetting(t, c.AdapterDirectory, "use_dora", false)
		requireSetting(t, c.AdapterDirectory, "fan_in_fan_out", name == "gpt2") // Conv1D holds weights as [in, out]
	}
}

func requireSetting(t *testing.T, directory, key string, want any) {
	t.Helper()
	if got := readJSON(t, filepath.Join(directory, "adapter_config.json"))[key]; got != want {
		t.Errorf("%s: %q is %v, want %v", directory, key, got, want)
	}
}

// Trained weights must have the adapter's names and shapes, and training must start from the adapter.
func TestTrainingStartsFromTheAdapter(t *testing.T) {
	t.Parallel()
	for _, name := range TrainedNames {
		c := Load(t, name)
		adapter := readAdapter(t, c.AdapterDirectory)
		requireSameLayout(t, name+" plain", c.Plain.Final, adapter)
		requireSameLayout(t, name+" prior", c.Prior.Final, adapter)
		for _, training := range []Training{c.Plain, c.Prior} {
			if len(training.Steps) != training.Optimizer.Steps {
				t.Fatalf("%s: %d steps logged, want %d", name, len(training.Steps), training.Optimizer.Steps)
			}
			first, squares := training.Steps[0], sumSquares(adapter)
			if math.Abs(first.SumSquares-squares) > 1e-6*squares {
				t.Errorf("%s: training starts at Σw² %g, the adapter has %g", name, first.SumSquares, squares)
			}
			if want := c.Adapted.NLL / float64(c.Adapted.Targets); math.Abs(first.CE-want) > 1e-6*want {
				t.Errorf("%s: training starts at CE %g, the adapter has %g", name, first.CE, want)
			}
		}
	}
}

// The first step's gradient norm follows from the recorded gradient g: ‖g‖ without the prior, ‖g + λw/(σ²N)‖ with it.
func TestThePriorIsInTheGradient(t *testing.T) {
	t.Parallel()
	for _, name := range TrainedNames {
		c := Load(t, name)
		adapter := readAdapter(t, c.AdapterDirectory)
		for _, training := range []Training{c.Plain, c.Prior} {
			strength := training.Lambda / (training.Sigma * training.Sigma * training.Tokens)
			squares := 0.0
			for tensor, gradient := range c.Gradients {
				for i, g := range gradient.Values {
					objective := float64(g) + strength*float64(adapter[tensor].Values[i])
					squares += objective * objective
				}
			}
			if got, want := training.Steps[0].GradientNorm, math.Sqrt(squares); math.Abs(got-want) > 1e-5*want {
				t.Errorf("%s, λ=%g: the gradient norm is %g, want %g", name, training.Lambda, got, want)
			}
		}
		if plain, prior := sumSquares(c.Plain.Final), sumSquares(c.Prior.Final); prior >= plain {
			t.Errorf("%s: Σw² ends at %g with the prior and at %g without", name, prior, plain)
		}
	}
}

func requireSameLayout(t *testing.T, what string, got, want map[string]Array) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Errorf("%s: %d tensors, want %d", what, len(got), len(want))
	}
	for name, array := range want {
		if !slices.Equal(got[name].Shape, array.Shape) {
			t.Errorf("%s: %s has the shape %v, want %v", what, name, got[name].Shape, array.Shape)
		}
	}
}

func sumSquares(arrays map[string]Array) float64 {
	total := 0.0
	for _, array := range arrays {
		for _, value := range array.Values {
			total += float64(value) * float64(value)
		}
	}
	return total
}
