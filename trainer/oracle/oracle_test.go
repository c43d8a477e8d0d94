package oracle

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/shannon-labs/scu/trainer/weights"
)

// The numbers must come from the script as it is: who changes it runs it again.
func TestOraclesAreCurrent(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("make_oracles.py")
	if err != nil {
		t.Fatal(err)
	}
	text, err := testdata.ReadFile("testdata/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Generator string `json:"generator_sha256"`
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(script)
	if got := hex.EncodeToString(digest[:]); got != manifest.Generator {
		t.Errorf("make_oracles.py has changed since it wrote testdata; run it again")
	}
}

// The logits and the losses were computed apart; one must follow from the other.
func TestLossesFollowFromLogits(t *testing.T) {
	t.Parallel()
	for _, name := range Names {
		c := Load(t, name)
		base := func(r Row) []float32 { return r.BaseLogits }
		adapted := func(r Row) []float32 { return r.AdaptedLogits }
		requireLoss(t, name+" base", c.Rows, base, c.Base)
		requireLoss(t, name+" adapted", c.Rows, adapted, c.Adapted)
		requireLoss(t, name+" packed", c.PackedRows, base, c.Packed)
		if math.Abs(c.Base.NLL-c.Adapted.NLL) < 1 {
			t.Errorf("%s: the adapter changes the loss only from %g to %g", name, c.Base.NLL, c.Adapted.NLL)
		}
		uniform := float64(c.Base.Targets) * math.Log(320)
		if math.Abs(c.Base.NLL-uniform) < 1 {
			t.Errorf("%s: the loss %g is that of uniform logits, which would hide mistakes", name, c.Base.NLL)
		}
	}
}

func requireLoss(t *testing.T, what string, rows []Row, logits func(Row) []float32, want Loss) {
	t.Helper()
	total, targets := 0.0, 0
	for _, row := range rows {
		vocab := len(logits(row)) / len(row.IDs)
		for _, position := range row.Targets {
			total += negativeLogLikelihood(logits(row)[(position-1)*vocab:position*vocab], row.IDs[position])
		}
		targets += len(row.Targets)
	}
	if targets != want.Targets {
		t.Errorf("%s: %d targets, want %d", what, targets, want.Targets)
	}
	if math.Abs(total-want.NLL64) > 1e-6*want.NLL64 || math.Abs(want.NLL-want.NLL64) > 1e-6*want.NLL64 {
		t.Errorf("%s: the logits give %.9g; recorded are %.9g in float32, %.9g in float64", what, total, want.NLL, want.NLL64)
	}
}

func negativeLogLikelihood(logits []float32, label int32) float64 {
	largest := float64(slices.Max(logits))
	sum := 0.0
	for _, logit := range logits {
		sum += math.Exp(float64(logit) - largest)
	}
	return math.Log(sum) + largest - float64(logits[label])
}

func TestModelsOpenAndTheirTokenizersDiffer(t *testing.T) {
	t.Parallel()
	wantLength := map[string]int{"untied": 1, "tied": 2} // the tied model's tokenizer puts BOS in front
	for _, name := range Names {
		c := Load(t, name)
		model, err := weights.Open(c.ModelDirectory)
		if err != nil {
			t.Fatal(err)
		}
		defer model.Close()
		if model.Config.TieEmbeddings != (name == "tied") || model.ChatTemplate() == "" {
			t.Errorf("%s: %+v, template %q", name, model.Config, model.ChatTemplate())
		}
		if got := model.SpecialTokens(); got != (weights.SpecialTokens{BOS: 0, EOS: 2, BOSToken: "<|endoftext|>", EOSToken: "<|im_end|>"}) {
			t.Errorf("%s: special tokens are %+v", name, got)
		}
		tokenizer, err := model.Tokenizer()
		if err != nil {
			t.Fatal(err)
		}
		if got := tokenizer.Encode("a", true); len(got) != wantLength[name] {
			t.Errorf("%s: \"a\" became %v", name, got)
		}
	}
}

// Gradients and trained weights must have the adapters' names and shapes, and training must start from the adapter.
func TestGradientsAndTrainingMatchTheAdapters(t *testing.T) {
	t.Parallel()
	for _, name := range Names {
		c := Load(t, name)
		adapter, err := readArrays(c.AdapterDirectory + "/adapter_model.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		subset, err := readArrays(c.SubsetAdapterDirectory + "/adapter_model.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		requireSameLayout(t, name+" gradients", c.Gradients, adapter)
		requireSameLayout(t, name+" subset gradients", c.SubsetGradients, subset)
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
	for _, name := range Names {
		c := Load(t, name)
		adapter, err := readArrays(c.AdapterDirectory + "/adapter_model.safetensors")
		if err != nil {
			t.Fatal(err)
		}
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
