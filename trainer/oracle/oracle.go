// Package oracle holds reference numbers for the training engine: what PyTorch, transformers and PEFT compute for two
// tiny Llama models. Tests of other packages load a Case and compare; nothing else may import this package.
//
// make_oracles.py beside this file computes the numbers and says in its head what each file of testdata is; requirements.txt
// names the versions that it ran with. Tests need no Python. Two more scripts check what the product writes, with
// transformers and PEFT alone: check_adapter.py an adapter, check_eval.py an evaluation.
//
// The two cases differ where implementations go wrong:
//
//   - "untied": a separate output head, 3 layers, head width = hidden/heads, rope theta 1e4, a tokenizer without BOS;
//   - "tied": the embedding as head, 2 layers, head width ≠ hidden/heads, rope theta 1e5, a tokenizer that adds BOS.
//
// Both have grouped key/value heads, norm gains that are not 1, and logits far from uniform. A loss is a summed negative
// log-likelihood in nats. A target position i says that the token at i counts; the logits at i−1 predict it.
package oracle

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/shannon-labs/scu/trainer/weights"
)

//go:embed testdata
var testdata embed.FS

// Names are the cases that Load knows.
var Names = []string{"untied", "tied"}

// Case is one model with everything computed for it.
type Case struct {
	Name string
	// ModelDirectory is a Hugging Face directory with float32 weights, tokenizer.json and a ChatML template. The
	// directories are copies in the test's temporary directory.
	ModelDirectory string
	// AdapterDirectory holds a PEFT adapter on q, k, v, o, gate, up and down; r 4, alpha 8, no dropout, B not zero.
	AdapterDirectory string
	// SubsetAdapterDirectory holds a PEFT adapter on q and v only, otherwise alike.
	SubsetAdapterDirectory string

	// Rows is the batch, of two lengths. Logits are those of each row alone, without padding.
	Rows []Row
	// PackedRows are two rows that fit one block; their reference is computed unpacked, by the model without adapter.
	PackedRows []Row

	// Base is the loss of Rows without adapter, Adapted with AdapterDirectory's, Packed that of PackedRows without.
	Base, Adapted, Packed Loss

	// Gradients of the mean NLL of Rows by every tensor of AdapterDirectory, by the name in its file; likewise
	// SubsetGradients for SubsetAdapterDirectory.
	Gradients, SubsetGradients map[string]Array

	// Plain trains AdapterDirectory on Rows by the loss alone; Prior with λ Σw²/(2σ²N) in the objective.
	Plain, Prior Training
}

// Row is a sequence of tokens.
type Row struct {
	IDs     []int32 `json:"ids"`
	Targets []int   `json:"targets"`
	// BaseLogits [length, vocab] are the model's, AdaptedLogits those with the adapter (nil in PackedRows).
	BaseLogits, AdaptedLogits []float32 `json:"-"`
}

// Loss is a summed negative log-likelihood in nats.
type Loss struct {
	NLL     float64 `json:"nll"`         // computed in float32
	NLL64   float64 `json:"nll_float64"` // the same computed in float64
	Targets int     `json:"targets"`
	// LogitError is the largest absolute difference between float32 and float64 logits.
	LogitError float64 `json:"largest_logit_difference_to_float64"`
}

// Array is a tensor, row-major.
type Array struct {
	Shape  []int
	Values []float32
}

// Optimizer is AdamW as torch.optim.AdamW computes it, without weight decay, at a constant learning rate, after clipping
// by the global norm as torch.nn.utils.clip_grad_norm_ does.
type Optimizer struct {
	LearningRate float64 `json:"learning_rate"`
	Beta1        float64 `json:"beta1"`
	Beta2        float64 `json:"beta2"`
	Epsilon      float64 `json:"epsilon"`
	ClipNorm     float64 `json:"clip_norm"`
	Steps        int     `json:"steps"`
}

// Training is a run of optimizer steps on the whole batch. Each row is one micro-batch; gradients are summed over them
// and divided by the targets of both.
type Training struct {
	Optimizer Optimizer
	// Lambda, Sigma and Tokens (N) are the prior's; its center is zero. Lambda is 0 in Case.Plain.
	Lambda, Sigma, Tokens float64
	// Steps holds what each step saw before it changed the weights.
	Steps []Step
	// Final is the adapter after the last step.
	Final map[string]Array
	// WeightError is how far float32 is from float64 after the last step, relative to each tensor's largest weight.
	WeightError float64
}

// Step is one optimizer step.
type Step struct {
	CE           float64 `json:"ce"`            // nats per target token, without the prior
	GradientNorm float64 `json:"gradient_norm"` // of the objective, before clipping
	SumSquares   float64 `json:"sum_squares"`   // Σw² over the adapter
}

// caseFile is case.json.
type caseFile struct {
	Rows       []Row        `json:"rows"`
	PackedRows []Row        `json:"packed_rows"`
	Base       Loss         `json:"base"`
	Adapted    Loss         `json:"adapter"`
	Packed     Loss         `json:"packed"`
	Optimizer  Optimizer    `json:"training"`
	Plain      trainingFile `json:"trained_ce"`
	Prior      trainingFile `json:"trained_prior"`
}

type trainingFile struct {
	Prior struct {
		Lambda float64 `json:"lambda"`
		Sigma  float64 `json:"sigma"`
		Tokens float64 `json:"tokens"`
	} `json:"prior"`
	Log         []Step  `json:"log"`
	WeightError float64 `json:"largest_relative_difference_to_float64"`
}

// Load returns the named case, one of Names. It fails the test when anything is wrong.
func Load(t testing.TB, name string) *Case {
	t.Helper()
	directory := t.TempDir()
	if err := copyCase(directory, name); err != nil {
		t.Fatalf("load the oracle %q: %v", name, err)
	}
	c, err := read(directory, name)
	if err != nil {
		t.Fatalf("load the oracle %q: %v", name, err)
	}
	return c
}

// copyCase writes a case's files out of the program into a directory, because models and adapters are opened by path.
func copyCase(directory, name string) error {
	files, err := fs.Sub(testdata, "testdata/"+name)
	if err != nil {
		return err
	}
	return os.CopyFS(directory, files)
}

func read(directory, name string) (*Case, error) {
	text, err := os.ReadFile(filepath.Join(directory, "case.json"))
	if err != nil {
		return nil, err
	}
	var file caseFile
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	c := &Case{
		Name:                   name,
		ModelDirectory:         filepath.Join(directory, "model"),
		AdapterDirectory:       filepath.Join(directory, "adapter"),
		SubsetAdapterDirectory: filepath.Join(directory, "adapter_qv"),
		Rows:                   file.Rows, PackedRows: file.PackedRows,
		Base: file.Base, Adapted: file.Adapted, Packed: file.Packed,
		Plain: file.Plain.training(file.Optimizer), Prior: file.Prior.training(file.Optimizer),
	}
	for name, target := range map[string]*map[string]Array{
		"gradients": &c.Gradients, "gradients_qv": &c.SubsetGradients,
		"trained_ce": &c.Plain.Final, "trained_prior": &c.Prior.Final,
	} {
		if *target, err = readArrays(filepath.Join(directory, name+".safetensors")); err != nil {
			return nil, err
		}
	}
	return c, c.readLogits(filepath.Join(directory, "logits.safetensors"))
}

func (f trainingFile) training(optimizer Optimizer) Training {
	return Training{
		Optimizer: optimizer, Lambda: f.Prior.Lambda, Sigma: f.Prior.Sigma, Tokens: f.Prior.Tokens,
		Steps: f.Log, WeightError: f.WeightError,
	}
}

func readArrays(path string) (map[string]Array, error) {
	file, err := weights.OpenSafetensors(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	arrays := map[string]Array{}
	for _, name := range file.Names() {
		shape, err := file.Shape(name)
		if err != nil {
			return nil, err
		}
		values, err := file.Float32(name, nil)
		if err != nil {
			return nil, err
		}
		arrays[name] = Array{shape, values}
	}
	return arrays, nil
}

func (c *Case) readLogits(path string) error {
	arrays, err := readArrays(path)
	if err != nil {
		return err
	}
	for i := range c.Rows {
		c.Rows[i].BaseLogits = arrays[fmt.Sprintf("base.%d", i)].Values
		c.Rows[i].AdaptedLogits = arrays[fmt.Sprintf("adapter.%d", i)].Values
	}
	for i := range c.PackedRows {
		c.PackedRows[i].BaseLogits = arrays[fmt.Sprintf("packed.%d", i)].Values
	}
	return nil
}
