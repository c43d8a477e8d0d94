package oracle

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/shannon-labs/scu/trainer/weights"
)

//go:embed testdata
var testdata embed.FS

// caseFile is case.json.
type caseFile struct {
	Family     string       `json:"family"`
	Rows       []Row        `json:"rows"`
	PackedRows []Row        `json:"packed_rows"`
	Base       Loss         `json:"base"`
	Adapted    Loss         `json:"adapter"`
	Packed     Loss         `json:"packed"`
	DoRA       *Loss        `json:"dora"`
	RSLoRA     *Loss        `json:"rslora"`
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
// What testdata holds once for several directories is put into each.
func copyCase(directory, name string) error {
	if err := copyFiles(directory, name); err != nil {
		return err
	}
	model, older := filepath.Join(directory, "model"), filepath.Join(directory, "older")
	if !slices.Contains(TrainedNames, name) {
		if err := copyFiles(model, "tokenizer"); err != nil {
			return err
		}
	}
	if err := addMissing(older, model); err != nil {
		return err
	}
	if rslora := filepath.Join(directory, "rslora"); exists(rslora) {
		return addMissing(rslora, filepath.Join(directory, "adapter"))
	}
	return nil
}

// copyFiles writes a folder of testdata into a directory.
func copyFiles(directory, name string) error {
	files, err := fs.Sub(testdata, "testdata/"+name)
	if err != nil {
		return err
	}
	return os.CopyFS(directory, files)
}

// addMissing copies the files of another directory that a directory lacks into it.
func addMissing(directory, other string) error {
	entries, err := os.ReadDir(other)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		target := filepath.Join(directory, entry.Name())
		if exists(target) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(other, entry.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(target, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
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
		Name: name, Family: file.Family,
		ModelDirectory:      filepath.Join(directory, "model"),
		OlderModelDirectory: filepath.Join(directory, "older"),
		AdapterDirectory:    filepath.Join(directory, "adapter"),
		Rows:                file.Rows, PackedRows: file.PackedRows,
		Base: file.Base, Adapted: file.Adapted, Packed: file.Packed,
	}
	if c.Gradients, err = readArrays(filepath.Join(directory, "gradients.safetensors")); err != nil {
		return nil, err
	}
	if err := c.readLogits(filepath.Join(directory, "logits.safetensors")); err != nil {
		return nil, err
	}
	if c.DoRA, err = readVariant(directory, "dora", file.DoRA, len(c.Rows)); err != nil {
		return nil, err
	}
	if c.RSLoRA, err = readVariant(directory, "rslora", file.RSLoRA, len(c.Rows)); err != nil {
		return nil, err
	}
	if slices.Contains(TrainedNames, name) {
		return c, c.readTraining(directory, file)
	}
	return c, nil
}

// readTraining reads what only the cases of TrainedNames have.
func (c *Case) readTraining(directory string, file caseFile) (err error) {
	c.SubsetAdapterDirectory = filepath.Join(directory, "adapter_qv")
	c.Plain, c.Prior = file.Plain.training(file.Optimizer), file.Prior.training(file.Optimizer)
	for name, target := range map[string]*map[string]Array{
		"gradients_qv": &c.SubsetGradients, "trained_ce": &c.Plain.Final, "trained_prior": &c.Prior.Final,
	} {
		if *target, err = readArrays(filepath.Join(directory, name+".safetensors")); err != nil {
			return err
		}
	}
	return nil
}

// readVariant reads another kind of adapter, or returns nil where the case has none.
func readVariant(directory, name string, loss *Loss, rows int) (*Variant, error) {
	if loss == nil {
		return nil, nil
	}
	v := &Variant{AdapterDirectory: filepath.Join(directory, name), Loss: *loss}
	arrays, err := readArrays(filepath.Join(directory, name+"_logits.safetensors"))
	if err != nil {
		return nil, err
	}
	for i := range rows {
		v.Logits = append(v.Logits, arrays[fmt.Sprintf("%s.%d", name, i)].Values)
	}
	gradients := filepath.Join(directory, name+"_gradients.safetensors")
	if !exists(gradients) {
		return v, nil
	}
	v.Gradients, err = readArrays(gradients)
	return v, err
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
	if !slices.Contains(TrainedNames, c.Name) {
		c.PackedRows = c.Rows
		return nil
	}
	for i := range c.PackedRows {
		c.PackedRows[i].BaseLogits = arrays[fmt.Sprintf("packed.%d", i)].Values
	}
	return nil
}
