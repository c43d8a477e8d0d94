package model

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/oracle"
	"github.com/shannon-labs/scu/trainer/weights"
)

// overwrite puts a value into a safetensors file, as the last element of a float32 tensor, and returns how many that has.
func overwrite(t *testing.T, path, tensor string, value float32) (size int) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header := int(binary.LittleEndian.Uint64(content))
	var tensors map[string]struct {
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(content[8:8+header], &tensors); err != nil {
		t.Fatal(err)
	}
	offsets := tensors[tensor].Offsets
	end := 8 + header + offsets[1]
	binary.LittleEndian.PutUint32(content[end-4:], math.Float32bits(value))
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return (offsets[1] - offsets[0]) / 4
}

func sameNumber(a, b float32) bool { return a == b || a != a && b != b }

func TestWeightsThatAreNotFiniteAreRefusedByName(t *testing.T) {
	t.Parallel()
	for tensor, value := range map[string]float64{
		"transformer.h.1.mlp.c_fc.weight": math.NaN(), "transformer.h.0.ln_2.bias": math.Inf(1), "transformer.wpe.weight": math.Inf(-1),
	} {
		c := oracle.Load(t, "gpt2")
		path := filepath.Join(c.ModelDirectory, "model.safetensors")
		size := overwrite(t, path, tensor, float32(value))
		source, err := weights.Open(c.ModelDirectory)
		if err != nil {
			t.Fatal(err)
		}
		_, err = LoadBase(openTestBackend(t), source, "f32", nil)
		var damaged *DamagedWeightError
		if !errors.As(err, &damaged) || damaged.Tensor != tensor || damaged.File != path || damaged.Index != size-1 || !sameNumber(damaged.Value, float32(value)) {
			t.Errorf("%g in %s: %v", value, tensor, err)
		}
		source.Close()
	}
}

func TestLoadingTellsHowFarItIs(t *testing.T) {
	t.Parallel()
	source, err := weights.Open(oracle.Load(t, "gpt2").ModelDirectory)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	var told []float64
	base, err := LoadBase(openTestBackend(t), source, "bf16", func(share float64) { told = append(told, share) })
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	for i := 1; i < len(told); i++ {
		if !(told[i] > told[i-1]) {
			t.Errorf("%g is told after %g", told[i], told[i-1])
		}
	}
	if len(told) < 10 || told[len(told)-1] != 1 {
		t.Errorf("told %v", told)
	}
	if _, err := LoadBase(openTestBackend(t), source, "f16", nil); err == nil || !strings.Contains(err.Error(), "f16") {
		t.Errorf("precision f16: %v", err)
	}
}

func TestBatchesThatDoNotFitTheModelAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, "gpt2", "f32", fullAdapter)
	vocab, context := int32(r.base.Arch.Vocab), int32(r.base.Arch.ContextLength)
	for what, c := range map[string]struct {
		change   func(*data.Batch)
		capacity int
		want     string
	}{
		"a token":           {func(b *data.Batch) { b.Tokens[1] = vocab }, r.capacity(), "token 1 "},
		"a negative token":  {func(b *data.Batch) { b.Tokens[2] = -1 }, r.capacity(), "token 2 "},
		"a target":          {func(b *data.Batch) { b.TargetLabel[0] = vocab }, r.capacity(), "target 0 "},
		"a position":        {func(b *data.Batch) { b.Positions[3] = context }, r.capacity(), "position"},
		"too many to count": {func(*data.Batch) {}, 1, "capacity of 1"},
	} {
		batch := r.rowsBatch(t, r.reference.Rows, false)
		c.change(batch)
		if _, err := r.programs.Loss(batch, c.capacity, r.vector); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
