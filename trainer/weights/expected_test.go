package weights

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/shannon-labs/scu/trainer/architecture"
)

// The reference files must come from the script as it is: who changes it runs it again.
func TestReferenceFilesAreCurrent(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile(filepath.Join("testdata", "make_testdata.py"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("testdata", "manifest.json"))
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
		t.Error("make_testdata.py has changed since it wrote testdata; run it again")
	}
}

// openExpected opens a reference file of testdata.
func openExpected(t *testing.T, name string) *Safetensors {
	t.Helper()
	expected, err := OpenSafetensors(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { expected.Close() })
	return expected
}

// requireConfig checks the architecture against that of a config.json.
func requireConfig(t *testing.T, model *Model, configJSON string) {
	t.Helper()
	want, err := architecture.Parse([]byte(configJSON))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(model.Config, want) {
		t.Errorf("got  %+v\nwant %+v", model.Config, want)
	}
}

// tensorReader is what Model and Safetensors have in common.
type tensorReader interface {
	Shape(name string) ([]int, error)
	Float32(name string, dst []float32) ([]float32, error)
}

// requireSameTensor checks shape and values, bit for bit.
func requireSameTensor(t *testing.T, got tensorReader, want *Safetensors, name string) {
	t.Helper()
	gotShape, err := got.Shape(name)
	if err != nil {
		t.Fatal(err)
	}
	wantShape, err := want.Shape(name)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(gotShape, wantShape) {
		t.Fatalf("%s: shape %v, want %v", name, gotShape, wantShape)
	}
	gotValues, err := got.Float32(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantValues, err := want.Float32(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	requireSameBits(t, name, gotValues, wantValues)
}

func requireSameBits(t *testing.T, name string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", name, len(got), len(want))
	}
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: value %d is %g, want %g", name, i, got[i], want[i])
		}
	}
}
