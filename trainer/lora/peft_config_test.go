package lora

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/trainer/architecture"
	"github.com/shannon-labs/scu/trainer/oracle"
)

func TestWhatWouldBeComputedDifferentlyIsRefusedByName(t *testing.T) {
	t.Parallel()
	c := oracle.Load(t, "untied")
	arch := archOf(t, c)
	for _, test := range []struct {
		field string
		value any
		want  string
	}{
		{"peft_type", "IA3", `peft_type is "IA3"`},
		{"bias", "all", `bias is "all"`},
		{"modules_to_save", []string{"lm_head"}, "modules_to_save"},
		{"layers_to_transform", []int{0}, "layers_to_transform"},
		{"layers_to_transform", 1, "layers_to_transform"},
		{"rank_pattern", map[string]int{"q_proj": 2}, "rank_pattern"},
		{"alpha_pattern", map[string]int{"q_proj": 2}, "alpha_pattern"},
		{"exclude_modules", "q_proj", "exclude_modules"},
		{"trainable_token_indices", []int{1}, "trainable_token_indices"},
		{"layer_replication", [][]int{{0, 1}}, "layer_replication"},
		{"target_parameters", []string{"experts"}, "target_parameters"},
		{"lora_bias", true, "lora_bias"},
		{"use_qalora", true, "use_qalora"},
		{"use_bdlora", map[string]int{"blocks": 2}, "use_bdlora"},
		{"arrow_config", map[string]int{"top_k": 2}, "arrow_config"},
		{"alora_invocation_tokens", []int{1}, "alora_invocation_tokens"},
		{"kasa_config", map[string]int{"x": 2}, "kasa_config"},
		{"init_lora_weights", "pissa_niter_4", `init_lora_weights is "pissa_niter_4"`},
		{"init_lora_weights", "olora", `init_lora_weights is "olora"`},
		{"target_modules", ".*proj", `target_modules is the pattern ".*proj"`},
		{"target_modules", 3, "target_modules is 3"},
		{"target_modules", nil, "target_modules is missing or empty"},
		{"target_modules", []string{}, "target_modules is missing or empty"},
		{"target_modules", []string{"c_attn"}, "a llama model has q_proj, k_proj"},
		{"target_modules", []string{"layers.1.self_attn.q_proj"}, `"self_attn.q_proj" in 1 of 3 layers`},
		{"r", 0, "r is 0"},
		{"r", 1 << 40, "r is 1099511627776"},
		{"r", 5, "want [5 "},
		{"r", 65536, "want [65536 "},
		{"lora_alpha", -1, "lora_alpha is -1"},
		{"lora_dropout", 1, "lora_dropout is 1"},
		{"use_dora", true, "lora_magnitude_vector"},
	} {
		directory := copyAdapter(t, c.AdapterDirectory)
		writeConfig(t, directory, map[string]any{test.field: test.value})
		if _, err := Load(directory, arch); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s = %v: got %v, want an error with %q", test.field, test.value, err, test.want)
		}
	}
	directory := copyAdapter(t, c.AdapterDirectory)
	if err := os.WriteFile(filepath.Join(directory, ConfigFile), []byte(`{"r":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(directory, arch); err == nil || !strings.Contains(err.Error(), "not an adapter's configuration") {
		t.Errorf("a damaged configuration: %v", err)
	}
}

func TestWhatChangesNothingIsAccepted(t *testing.T) {
	t.Parallel()
	c := oracle.Load(t, "untied")
	arch := archOf(t, c)
	for _, changes := range []map[string]any{
		{"fan_in_fan_out": true}, // PEFT sets it to what the layers are
		{"init_lora_weights": "gaussian"}, {"init_lora_weights": false}, {"init_lora_weights": nil},
		{"modules_to_save": []string{}, "rank_pattern": map[string]int{}, "exclude_modules": nil},
		{"peft_version": "0.99", "task_type": nil, "revision": nil, "qalora_group_size": 16},
		{"target_modules": "all-linear"},
		{"target_modules": []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "query_key_value"}},
	} {
		directory := copyAdapter(t, c.AdapterDirectory)
		writeConfig(t, directory, changes)
		adapter, err := Load(directory, arch)
		if err != nil || !slices.Equal(adapter.Layout.Config.Modules, arch.ModuleNames()) {
			t.Errorf("%v: %v", changes, err)
		}
	}
}

// PEFT turns "all-linear" into the full name of every layer's module.
func TestFullModuleNamesAreRead(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"tied", "gpt2", "gpt_neox", "phi3"} {
		c := oracle.Load(t, name)
		arch := archOf(t, c)
		var full []string
		for layer := range arch.Layers {
			for _, module := range arch.Modules() {
				full = append(full, arch.Path(layer, module.Name))
			}
		}
		slices.Reverse(full)
		directory := copyAdapter(t, c.AdapterDirectory)
		writeConfig(t, directory, map[string]any{"target_modules": full})
		adapter, err := Load(directory, arch)
		if err != nil {
			t.Fatal(err)
		}
		if got := adapter.Layout.Config.Modules; !slices.Equal(got, arch.ModuleNames()) {
			t.Errorf("%s: modules %v, want %v", name, got, arch.ModuleNames())
		}
	}
}

func TestRSLoRAScalesByTheRootOfTheRank(t *testing.T) {
	t.Parallel()
	c := oracle.Load(t, "untied")
	for _, test := range []struct {
		stabilized bool
		want       float64
	}{{false, 2}, {true, 4}} { // rank 4, alpha 8
		directory := copyAdapter(t, c.AdapterDirectory)
		writeConfig(t, directory, map[string]any{"use_rslora": test.stabilized})
		adapter, err := Load(directory, archOf(t, c))
		if err != nil {
			t.Fatal(err)
		}
		if got := adapter.Layout.Config.Scale(); math.Abs(got-test.want) > 1e-12 {
			t.Errorf("the scale is %g, want %g (use_rslora %t)", got, test.want, test.stabilized)
		}
	}
}

func FuzzAdapterConfig(f *testing.F) {
	for _, modules := range []string{`["q_proj","v_proj"]`, `"all-linear"`, `["model.layers.0.mlp.up_proj","1.mlp.up_proj"]`, `null`} {
		f.Add([]byte(fmt.Sprintf(`{"peft_type":"LORA","r":4,"lora_alpha":8,"lora_dropout":0.1,"bias":"none","target_modules":%s,"use_dora":true,"use_rslora":true}`, modules)))
	}
	arch, err := architecture.Parse([]byte(`{"model_type":"llama","vocab_size":32,"hidden_size":16,"intermediate_size":24,"num_hidden_layers":2,"num_attention_heads":4}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		config, err := parsePEFTConfig(text, &arch)
		if err != nil {
			return
		}
		layout, err := NewLayout(arch, config)
		if err != nil {
			return
		}
		if len(layout.Slots) == 0 || len(layout.Slots)%arch.Layers != 0 || layout.Size < layout.Matrices || layout.Matrices < 1 {
			t.Errorf("accepted %+v", layout)
		}
	})
}
