package lora

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/trainer/architecture"
	"github.com/shannon-labs/scu/trainer/oracle"
	"github.com/shannon-labs/scu/trainer/weights"
)

func archOf(t *testing.T, c *oracle.Case) architecture.Config {
	t.Helper()
	source, err := weights.Open(c.ModelDirectory)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	return source.Config
}

func TestInitialWeightsAreKaimingUniform(t *testing.T) {
	t.Parallel()
	arch := archOf(t, oracle.Load(t, "untied"))
	layout, err := NewLayout(arch, Config{Rank: 16, Alpha: 32, Modules: arch.ModuleNames()})
	if err != nil {
		t.Fatal(err)
	}
	values := layout.Initial(7)
	for _, slot := range layout.Slots {
		bound := float32(1 / math.Sqrt(float64(slot.In)))
		a := values[slot.A:slot.B]
		if slices.Max(a) > bound || slices.Min(a) < -bound || slices.Max(a) < 0.9*bound || slices.Min(a) > -0.9*bound {
			t.Errorf("A of layer %d %s spans %g to %g, want ±%g", slot.Layer, slot.Module, slices.Min(a), slices.Max(a), bound)
		}
		for _, v := range values[slot.B : slot.B+slot.Out*16] {
			if v != 0 {
				t.Fatalf("B of layer %d %s is not zero", slot.Layer, slot.Module)
			}
		}
	}
	squares := 0.0
	for _, v := range values {
		squares += float64(v) * float64(v)
	}
	if want := layout.ExpectedInitialSquares(); math.Abs(squares/want-1) > 0.03 {
		t.Errorf("Σw² is %g, want about %g", squares, want)
	}
	if !slices.Equal(values, layout.Initial(7)) || slices.Equal(values, layout.Initial(8)) {
		t.Error("the weights do not follow from the seed")
	}
}

func TestLayoutCoversEveryWeightOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		modules []string // nil for all
		slots   int      // a layer
		dora    bool
	}{
		{"tied", nil, 7, false},
		{"tied", nil, 7, true},
		{"tied", []string{"q_proj", "v_proj"}, 2, true},
		{"tied", []string{"down_proj"}, 1, false},
		{"gpt2", nil, 4, true},
		{"gpt2", []string{"c_proj"}, 2, false},
		{"gpt2", []string{"mlp.c_proj"}, 1, false},
		{"gpt_neox", nil, 4, false},
		{"phi3", []string{"qkv_proj", "gate_up_proj"}, 2, true},
	} {
		arch := archOf(t, oracle.Load(t, test.name))
		if test.modules == nil {
			test.modules = arch.ModuleNames()
		}
		layout, err := NewLayout(arch, Config{Rank: 3, Alpha: 6, DoRA: test.dora, Modules: test.modules})
		if err != nil {
			t.Fatal(err)
		}
		if len(layout.Slots) != arch.Layers*test.slots {
			t.Errorf("%s: %d slots for %v", test.name, len(layout.Slots), test.modules)
		}
		covered := make([]int, layout.Size)
		for _, tensor := range layout.tensors() {
			for i := range tensor.size() {
				covered[tensor.offset+i]++
			}
			if matrix := len(tensor.shape) == 2; matrix != (tensor.offset+tensor.size() <= layout.Matrices) {
				t.Errorf("%s: %s lies at %d, but the matrices end at %d", test.name, tensor.name, tensor.offset, layout.Matrices)
			}
		}
		if slices.Max(covered) != 1 || slices.Min(covered) != 1 {
			t.Errorf("%s, %v: some weights belong to no tensor or to two", test.name, test.modules)
		}
		if layout.FanInFanOut != (arch.Family == "gpt2") {
			t.Errorf("%s: fan_in_fan_out is %t", test.name, layout.FanInFanOut)
		}
		for _, slot := range layout.Slots {
			if found, ok := layout.Find(slot.Layer, slot.Module); !ok || found != slot {
				t.Errorf("%s: finding %+v gives %+v", test.name, slot, found)
			}
		}
	}
}

func TestConfigsOutOfRangeAreRefused(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]Config{
		"rank 1e6":  {Rank: 1000000, Alpha: 1, Modules: []string{"q_proj"}},
		"rank 0":    {Rank: 0, Alpha: 1, Modules: []string{"q_proj"}},
		"alpha 0":   {Rank: 1, Alpha: 0, Modules: []string{"q_proj"}},
		"alpha NaN": {Rank: 1, Alpha: math.NaN(), Modules: []string{"q_proj"}},
		"dropout 1": {Rank: 1, Alpha: 1, Dropout: 1, Modules: []string{"q_proj"}},
		"no module": {Rank: 1, Alpha: 1},
		"twice":     {Rank: 1, Alpha: 1, Modules: []string{"q_proj", "q_proj"}},
	} {
		if config.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestUnknownModulesAreRefusedByName(t *testing.T) {
	t.Parallel()
	arch := archOf(t, oracle.Load(t, "gpt2"))
	_, err := NewLayout(arch, Config{Rank: 1, Alpha: 1, Modules: []string{"c_attn", "q_proj"}})
	if err == nil || !strings.Contains(err.Error(), `names "q_proj"; a gpt2 model has c_attn, c_proj, c_fc`) {
		t.Errorf("got %v", err)
	}
}
