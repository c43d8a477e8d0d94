package lora

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/trainer/oracle"
	"github.com/shannon-labs/scu/trainer/weights"
)

func archOf(t *testing.T, c *oracle.Case) weights.Config {
	t.Helper()
	source, err := weights.Open(c.ModelDirectory)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	return source.Config
}

func TestWhatPEFTWroteIsReadAndWrittenAgainUnchanged(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"untied", "tied"} {
		c := oracle.Load(t, name)
		for _, directory := range []string{c.AdapterDirectory, c.SubsetAdapterDirectory} {
			adapter, err := Load(directory, archOf(t, c))
			if err != nil {
				t.Fatal(err)
			}
			again := t.TempDir()
			if err := adapter.Save(again, "base"); err != nil {
				t.Fatal(err)
			}
			compareFiles(t, filepath.Join(directory, WeightsFile), filepath.Join(again, WeightsFile))
			compareConfigs(t, filepath.Join(directory, ConfigFile), filepath.Join(again, ConfigFile))
		}
	}
}

func compareFiles(t *testing.T, want, got string) {
	t.Helper()
	a, err := weights.OpenSafetensors(want)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := weights.OpenSafetensors(got)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if !slices.Equal(a.Names(), b.Names()) {
		t.Fatalf("tensors %v, want %v", b.Names(), a.Names())
	}
	for _, name := range a.Names() {
		x, errX := a.Float32(name, nil)
		y, errY := b.Float32(name, nil)
		shapeX, _ := a.Shape(name)
		shapeY, _ := b.Shape(name)
		if errX != nil || errY != nil || !slices.Equal(x, y) || !slices.Equal(shapeX, shapeY) {
			t.Errorf("%s differs (%v, %v)", name, errX, errY)
		}
	}
}

func compareConfigs(t *testing.T, want, got string) {
	t.Helper()
	a, b := readConfig(t, want), readConfig(t, got)
	for _, key := range []string{"peft_type", "task_type", "r", "lora_alpha", "bias", "fan_in_fan_out", "use_rslora", "use_dora", "inference_mode"} {
		if a[key] != b[key] {
			t.Errorf("%s is %v, PEFT wrote %v", key, b[key], a[key])
		}
	}
	modules := func(config map[string]any) []string {
		var names []string
		for _, name := range config["target_modules"].([]any) {
			names = append(names, name.(string))
		}
		slices.Sort(names)
		return names
	}
	if !slices.Equal(modules(a), modules(b)) {
		t.Errorf("target_modules are %v, PEFT wrote %v", modules(b), modules(a))
	}
}

func readConfig(t *testing.T, path string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	return config
}

func TestInitialWeightsAreKaimingUniform(t *testing.T) {
	t.Parallel()
	arch := archOf(t, oracle.Load(t, "untied"))
	layout, err := NewLayout(arch, Config{Rank: 16, Alpha: 32, Modules: Modules})
	if err != nil {
		t.Fatal(err)
	}
	values := layout.Initial(7)
	squares := 0.0
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
	arch := archOf(t, oracle.Load(t, "tied"))
	for _, modules := range [][]string{Modules, {"q_proj", "v_proj"}, {"down_proj"}} {
		layout, err := NewLayout(arch, Config{Rank: 3, Alpha: 6, Modules: modules})
		if err != nil {
			t.Fatal(err)
		}
		if len(layout.Slots) != arch.Layers*len(modules) {
			t.Errorf("%d slots for %v", len(layout.Slots), modules)
		}
		end := 0
		for _, slot := range layout.Slots {
			if slot.A != end || slot.B != end+3*slot.In {
				t.Errorf("slot %+v does not begin at %d", slot, end)
			}
			end = slot.B + 3*slot.Out
		}
		if end != layout.Size {
			t.Errorf("the slots end at %d of %d", end, layout.Size)
		}
	}
}

func TestConfigsOutOfRangeAreRefused(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]Config{
		"rank 0":         {Rank: 0, Alpha: 1, Modules: Modules},
		"alpha 0":        {Rank: 1, Alpha: 0, Modules: Modules},
		"alpha NaN":      {Rank: 1, Alpha: math.NaN(), Modules: Modules},
		"dropout 1":      {Rank: 1, Alpha: 1, Dropout: 1, Modules: Modules},
		"no module":      {Rank: 1, Alpha: 1},
		"unknown module": {Rank: 1, Alpha: 1, Modules: []string{"lm_head"}},
		"twice":          {Rank: 1, Alpha: 1, Modules: []string{"q_proj", "q_proj"}},
	} {
		if config.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestWhatWouldBeComputedDifferentlyIsRefusedByName(t *testing.T) {
	t.Parallel()
	c := oracle.Load(t, "untied")
	arch := archOf(t, c)
	for field, value := range map[string]any{
		"peft_type": "IA3", "use_dora": true, "fan_in_fan_out": true, "bias": "all", "modules_to_save": []string{"lm_head"},
		"layers_to_transform": []int{0}, "rank_pattern": map[string]int{"q_proj": 2}, "alpha_pattern": map[string]int{"q_proj": 2},
		"target_modules": ".*proj", "r": 0, "exclude_modules": []string{"q_proj"},
	} {
		directory := copyAdapter(t, c.AdapterDirectory)
		config := readConfig(t, filepath.Join(directory, ConfigFile))
		config[field] = value
		text, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(directory, ConfigFile), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(directory, arch); err == nil || !strings.Contains(err.Error(), strings.SplitN(field, "_", 2)[0]) {
			t.Errorf("%s = %v: %v", field, value, err)
		}
	}
}

func copyAdapter(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// PEFT turns "all-linear" into the full name of every layer's module.
func TestFullModuleNamesAreRead(t *testing.T) {
	t.Parallel()
	c := oracle.Load(t, "tied")
	directory := copyAdapter(t, c.AdapterDirectory)
	config := readConfig(t, filepath.Join(directory, ConfigFile))
	config["target_modules"] = []string{
		"model.layers.1.mlp.up_proj", "model.layers.0.self_attn.q_proj", "model.layers.0.mlp.up_proj", "model.layers.1.self_attn.q_proj",
		"model.layers.0.self_attn.k_proj", "model.layers.0.self_attn.v_proj", "model.layers.0.self_attn.o_proj",
		"model.layers.0.mlp.gate_proj", "model.layers.0.mlp.down_proj",
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, ConfigFile), text, 0o600); err != nil {
		t.Fatal(err)
	}
	adapter, err := Load(directory, archOf(t, c))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(adapter.Layout.Config.Modules, Modules) {
		t.Errorf("modules %v", adapter.Layout.Config.Modules)
	}
}

func TestRSLoRAScalesByTheRootOfTheRank(t *testing.T) {
	t.Parallel()
	c := oracle.Load(t, "untied")
	directory := copyAdapter(t, c.AdapterDirectory)
	config := readConfig(t, filepath.Join(directory, ConfigFile))
	config["use_rslora"] = true
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, ConfigFile), text, 0o600); err != nil {
		t.Fatal(err)
	}
	adapter, err := Load(directory, archOf(t, c))
	if err != nil {
		t.Fatal(err)
	}
	want := config["lora_alpha"].(float64) / math.Sqrt(config["r"].(float64))
	if got := adapter.Layout.Config.Scale(); math.Abs(got-want) > 1e-12 {
		t.Errorf("the scale is %g, want α/√r = %g", got, want)
	}
}

func TestAdaptersThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	untied, tied := oracle.Load(t, "untied"), oracle.Load(t, "tied")
	if _, err := Load(untied.AdapterDirectory, archOf(t, tied)); err == nil || !strings.Contains(err.Error(), "shape") && !strings.Contains(err.Error(), "no adapted layer") {
		t.Errorf("another model's adapter: %v", err)
	}
	if _, err := Load(t.TempDir(), archOf(t, tied)); err == nil || !strings.Contains(err.Error(), ConfigFile) {
		t.Errorf("an empty directory: %v", err)
	}
	directory := copyAdapter(t, tied.AdapterDirectory)
	if err := os.Remove(filepath.Join(directory, WeightsFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(directory, archOf(t, tied)); err == nil {
		t.Error("an adapter without weights was accepted")
	}
}
