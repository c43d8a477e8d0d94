package lora

import (
	"encoding/binary"
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

// Every family's adapter, and those of other kinds, are written again as PEFT wrote them.
func TestWhatPEFTWroteIsReadAndWrittenAgainUnchanged(t *testing.T) {
	t.Parallel()
	kinds := map[string]int{}
	for _, name := range oracle.Names {
		c := oracle.Load(t, name)
		directories := map[string]string{"plain": c.AdapterDirectory, "subset": c.SubsetAdapterDirectory}
		for kind, variant := range map[string]*oracle.Variant{"DoRA": c.DoRA, "rsLoRA": c.RSLoRA} {
			if variant != nil {
				directories[kind] = variant.AdapterDirectory
			}
		}
		for kind, directory := range directories {
			if directory == "" {
				continue
			}
			kinds[kind]++
			adapter, err := Load(directory, archOf(t, c))
			if err != nil {
				t.Errorf("%s, %s: %v", name, kind, err)
				continue
			}
			again := t.TempDir()
			if err := adapter.Save(again, "base"); err != nil {
				t.Fatal(err)
			}
			compareFiles(t, filepath.Join(directory, WeightsFile), filepath.Join(again, WeightsFile))
			compareConfigs(t, filepath.Join(directory, ConfigFile), filepath.Join(again, ConfigFile))
		}
	}
	for _, kind := range []string{"plain", "subset", "DoRA", "rsLoRA"} {
		if kinds[kind] == 0 {
			t.Errorf("no adapter of the kind %q is among the references", kind)
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

// writeConfig changes fields of an adapter_config.json; a nil value removes one.
func writeConfig(t *testing.T, directory string, changes map[string]any) {
	t.Helper()
	path := filepath.Join(directory, ConfigFile)
	config := readConfig(t, path)
	for field, value := range changes {
		if config[field] = value; value == nil {
			delete(config, field)
		}
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
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

// Adapters in half precision hold the values that they hold.
func TestAdaptersInHalfPrecisionAreRead(t *testing.T) {
	t.Parallel()
	c := oracle.Load(t, "untied")
	exact, err := Load(c.AdapterDirectory, archOf(t, c))
	if err != nil {
		t.Fatal(err)
	}
	directory := copyAdapter(t, c.AdapterDirectory)
	writeBFloat16(t, filepath.Join(directory, WeightsFile), exact.Tensors())
	half, err := Load(directory, archOf(t, c))
	if err != nil {
		t.Fatal(err)
	}
	for i, value := range exact.Values {
		if want := math.Float32frombits(math.Float32bits(value) &^ 0xffff); half.Values[i] != want {
			t.Fatalf("weight %d is %g, want %g cut to bfloat16: %g", i, half.Values[i], value, want)
		}
	}
}

// writeBFloat16 cuts the values to bfloat16.
func writeBFloat16(t *testing.T, path string, tensors []weights.Tensor) {
	t.Helper()
	header := map[string]any{}
	var data []byte
	for _, tensor := range tensors {
		begin := len(data)
		for _, value := range tensor.Data {
			data = binary.LittleEndian.AppendUint16(data, uint16(math.Float32bits(value)>>16))
		}
		header[tensor.Name] = map[string]any{"dtype": "BF16", "shape": tensor.Shape, "data_offsets": []int{begin, len(data)}}
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	file := append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
	if err := os.WriteFile(path, append(file, data...), 0o600); err != nil {
		t.Fatal(err)
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
	if _, err := Load(directory, archOf(t, tied)); err == nil || !strings.Contains(err.Error(), WeightsFile) || !strings.Contains(err.Error(), "save it again") {
		t.Errorf("an adapter without weights: %v", err)
	}
}

func TestWeightsThatDoNotFitTheConfigurationAreRefused(t *testing.T) {
	t.Parallel()
	c := oracle.Load(t, "gpt2")
	arch := archOf(t, c)
	adapter, err := Load(c.DoRA.AdapterDirectory, arch)
	if err != nil {
		t.Fatal(err)
	}
	name := adapter.Layout.Slots[1].MagnitudeName()
	if name != "base_model.model.transformer.h.0.attn.c_proj.lora_magnitude_vector" {
		t.Errorf("the magnitudes are called %q", name)
	}
	at := func(tensors []weights.Tensor) int {
		return slices.IndexFunc(tensors, func(tensor weights.Tensor) bool { return tensor.Name == name })
	}
	for _, test := range []struct {
		what   string
		change func([]weights.Tensor) []weights.Tensor
		want   string
	}{
		{"not a number", func(all []weights.Tensor) []weights.Tensor { all[at(all)].Data[2] = float32(math.NaN()); return all }, name + " holds NaN"},
		{"infinite", func(all []weights.Tensor) []weights.Tensor { all[at(all)].Data[2] = float32(math.Inf(-1)); return all }, name + " holds -Inf"},
		{"missing", func(all []weights.Tensor) []weights.Tensor { return slices.Delete(all, at(all), at(all)+1) }, "has no tensor \"" + name + "\"; the adapter does not fit"},
		{"a matrix", func(all []weights.Tensor) []weights.Tensor {
			all[at(all)].Shape = append([]int{1}, all[at(all)].Shape...)
			return all
		}, name + " has the shape [1 "},
		{"another tensor", func(all []weights.Tensor) []weights.Tensor {
			return append(all, weights.Tensor{Name: "base_model.model.lm_head.lora_A.weight", Shape: []int{1}, Data: []float32{1}})
		}, "it holds base_model.model.lm_head.lora_A.weight, which belongs to no adapted layer"},
	} {
		directory := copyAdapter(t, c.DoRA.AdapterDirectory)
		if err := weights.WriteSafetensors(filepath.Join(directory, WeightsFile), test.change(adapter.Tensors()), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(directory, arch); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an error with %q", test.what, err, test.want)
		}
	}
}

func TestTensorsAreCopies(t *testing.T) {
	t.Parallel()
	c := oracle.Load(t, "tied")
	adapter, err := Load(c.AdapterDirectory, archOf(t, c))
	if err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(adapter.Values)
	for _, tensor := range adapter.Tensors() {
		clear(tensor.Data)
	}
	if !slices.Equal(adapter.Values, before) {
		t.Error("writing to the tensors changed the adapter")
	}
}
