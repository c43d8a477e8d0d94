package weights_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/trainer/oracle"
	"github.com/shannon-labs/scu/trainer/weights"
)

func open(t *testing.T, path string) *weights.Model {
	t.Helper()
	model, err := weights.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { model.Close() })
	return model
}

func tensorNames(model *weights.Model) []string {
	var names []string
	for _, tensor := range model.Config.Tensors() {
		names = append(names, tensor.Name)
	}
	return names
}

// Every family as transformers 5 writes it, and as files from before it have it: other spellings in config.json, and for
// some no first part in the names, and buffers among the tensors.
func TestEveryFamilyOpensInBothSpellings(t *testing.T) {
	t.Parallel()
	for _, name := range oracle.Names {
		c := oracle.Load(t, name)
		model := open(t, c.ModelDirectory)
		if model.Config.Family != c.Family {
			t.Errorf("%s: the family is %q, want %q", name, model.Config.Family, c.Family)
		}
		requireStored(t, name, model, filepath.Join(c.ModelDirectory, "model.safetensors"))
		if c.OlderModelDirectory == "" {
			continue
		}
		older := open(t, c.OlderModelDirectory)
		if !reflect.DeepEqual(older.Config, model.Config) {
			t.Errorf("%s: the older files are read as %+v\nwant %+v", name, older.Config, model.Config)
		}
		for _, tensor := range tensorNames(model) {
			want, errWant := model.Float32(tensor, nil)
			got, errGot := older.Float32(tensor, nil)
			if errWant != nil || errGot != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %s differs in the older files (%v, %v)", name, tensor, errWant, errGot)
			}
		}
	}
}

// requireStored checks that the model has exactly the file's tensors, with the file's values.
func requireStored(t *testing.T, name string, model *weights.Model, path string) {
	t.Helper()
	file, err := weights.OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got := slices.Sorted(slices.Values(tensorNames(model))); !slices.Equal(got, file.Names()) {
		t.Fatalf("%s: tensors are %v, want %v", name, got, file.Names())
	}
	for _, tensor := range file.Names() {
		want, errWant := file.Float32(tensor, nil)
		got, errGot := model.Float32(tensor, nil)
		if errWant != nil || errGot != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %s differs (%v, %v)", name, tensor, errWant, errGot)
		}
	}
}

func TestTensorsThatAreNeitherWeightsNorBuffersAreRefused(t *testing.T) {
	t.Parallel()
	c := oracle.Load(t, "gpt2")
	path := filepath.Join(c.ModelDirectory, "model.safetensors")
	original := readAll(t, path)
	for _, test := range []struct {
		name  string
		extra weights.Tensor
		want  string // "" means that it opens
	}{
		{"a mask", weights.Tensor{Name: "transformer.h.1.attn.bias", Shape: []int{1, 1, 1, 1}, Data: []float32{1}}, ""},
		{"what it masks with", weights.Tensor{Name: "h.0.attn.masked_bias", Shape: []int{}, Data: []float32{-1e4}}, ""},
		{"frequencies", weights.Tensor{Name: "gpt_neox.layers.3.attention.rotary_emb.inv_freq", Shape: []int{1}, Data: []float32{1}}, ""},
		{"another bias", weights.Tensor{Name: "transformer.h.1.attn.q_bias", Shape: []int{1}, Data: []float32{1}}, "no place in the architecture: transformer.h.1.attn.q_bias"},
		{"another bias at the end", weights.Tensor{Name: "transformer.h.1.attn.bias_k", Shape: []int{1}, Data: []float32{1}}, "no place in the architecture"},
		{"a second embedding", weights.Tensor{Name: "wte.weight", Shape: []int{1}, Data: []float32{1}}, "no place in the architecture: wte.weight"},
	} {
		if err := weights.WriteSafetensors(path, append(slices.Clone(original), test.extra), nil); err != nil {
			t.Fatal(err)
		}
		model, err := weights.Open(c.ModelDirectory)
		if err == nil {
			model.Close()
		}
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want an error with %q", test.name, err, test.want)
		}
	}
}

func readAll(t *testing.T, path string) []weights.Tensor {
	t.Helper()
	file, err := weights.OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var tensors []weights.Tensor
	for _, name := range file.Names() {
		shape, errShape := file.Shape(name)
		data, errData := file.Float32(name, nil)
		if errShape != nil || errData != nil {
			t.Fatal(errShape, errData)
		}
		tensors = append(tensors, weights.Tensor{Name: name, Shape: shape, Data: data})
	}
	return tensors
}
