package lora

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shannon-labs/scu/trainer/architecture"
)

// peftConfig is what adapter_config.json says of an adapter that this program can compute.
type peftConfig struct {
	PeftType          string   `json:"peft_type"`
	TaskType          string   `json:"task_type"`
	BaseModel         string   `json:"base_model_name_or_path"`
	Rank              int      `json:"r"`
	Alpha             float64  `json:"lora_alpha"`
	Dropout           float64  `json:"lora_dropout"`
	TargetModules     targets  `json:"target_modules"`
	Bias              string   `json:"bias"`
	FanInFanOut       bool     `json:"fan_in_fan_out"`
	InferenceMode     bool     `json:"inference_mode"`
	InitLoraWeights   initKind `json:"init_lora_weights"`
	UseRSLora         bool     `json:"use_rslora"`
	UseDora           bool     `json:"use_dora"`
	ModulesToSave     []string `json:"modules_to_save"`
	LayersToTransform []int    `json:"layers_to_transform"`
}

// unsupportedFields change what an adapter computes, or are how to train it, where they are set.
var unsupportedFields = []string{
	"modules_to_save", "layers_to_transform", "layers_pattern", "rank_pattern", "alpha_pattern", "exclude_modules",
	"trainable_token_indices", "layer_replication", "target_parameters", "lora_bias", "use_qalora", "use_bdlora",
	"arrow_config", "alora_invocation_tokens", "kasa_config", "velora_config", "monteclora_config", "megatron_config",
}

// targets reads target_modules: a list of names, or the text "all-linear", which stands for every linear layer of a block.
// Any other text is a regular expression.
type targets struct {
	names     []string
	allLinear bool
}

func (t targets) MarshalJSON() ([]byte, error) { return json.Marshal(t.names) }

func (t *targets) UnmarshalJSON(text []byte) error {
	var pattern string
	if json.Unmarshal(text, &pattern) == nil && string(text) != "null" {
		if pattern != "all-linear" {
			return fmt.Errorf("target_modules is the pattern %q; only a list of names or \"all-linear\" is supported", pattern)
		}
		t.allLinear = true
		return nil
	}
	if json.Unmarshal(text, &t.names) != nil {
		return fmt.Errorf("target_modules is %s; it must be a list of names", text)
	}
	return nil
}

// initKind reads init_lora_weights: true, false, or the name of a way to begin.
type initKind string

// harmlessInits change only how A and B begin. The others change the base's weights, and loading an adapter with PEFT
// repeats that change.
var harmlessInits = []initKind{"", "true", "false", "gaussian", "eva", "orthogonal"}

func (k initKind) MarshalJSON() ([]byte, error) { return json.Marshal(k == "true") }

func (k *initKind) UnmarshalJSON(text []byte) error {
	*k = ""
	if string(text) != "null" {
		*k = initKind(strings.Trim(string(text), `"`))
	}
	if !slices.Contains(harmlessInits, *k) {
		return fmt.Errorf("init_lora_weights is %s, which changes the base model and is not supported", text)
	}
	return nil
}

func newPEFTConfig(layout *Layout, baseModel string) peftConfig {
	config := layout.Config
	return peftConfig{
		PeftType: "LORA", TaskType: "CAUSAL_LM", BaseModel: baseModel, Rank: config.Rank, Alpha: config.Alpha, Dropout: config.Dropout,
		TargetModules: targets{names: config.Modules}, Bias: "none", FanInFanOut: layout.FanInFanOut, InferenceMode: true,
		InitLoraWeights: "true", UseRSLora: config.RankStabilized, UseDora: config.DoRA,
	}
}

// parsePEFTConfig reads the text of an adapter_config.json. fan_in_fan_out is not compared with the model: PEFT sets it
// right by itself.
func parsePEFTConfig(text []byte, arch *architecture.Config) (Config, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return Config{}, fmt.Errorf("it is not an adapter's configuration: %w", err)
	}
	for _, name := range unsupportedFields {
		if isSet(fields[name]) {
			return Config{}, fmt.Errorf("%s is used, which is not supported", name)
		}
	}
	var peft peftConfig
	if err := json.Unmarshal(text, &peft); err != nil {
		return Config{}, err
	}
	switch {
	case peft.PeftType != "LORA":
		return Config{}, fmt.Errorf("peft_type is %q; only LORA is supported", peft.PeftType)
	case peft.Bias != "" && peft.Bias != "none":
		return Config{}, fmt.Errorf("bias is %q, which is not supported; supported: none", peft.Bias)
	case peft.Rank < 1 || peft.Rank > maxRank:
		return Config{}, fmt.Errorf("r is %d; it must be 1 to %d", peft.Rank, maxRank)
	}
	modules, err := peft.modules(arch)
	if err != nil {
		return Config{}, err
	}
	return Config{
		Rank: peft.Rank, Alpha: peft.Alpha, RankStabilized: peft.UseRSLora, DoRA: peft.UseDora, Dropout: peft.Dropout, Modules: modules,
	}, nil
}

func (p *peftConfig) modules(arch *architecture.Config) ([]string, error) {
	if p.TargetModules.allLinear {
		return arch.ModuleNames(), nil
	}
	if len(p.TargetModules.names) == 0 {
		return nil, errors.New("target_modules is missing or empty")
	}
	modules, err := arch.TargetModules(p.TargetModules.names)
	if err != nil {
		return nil, err
	}
	return arch.ShortNames(modules), nil
}

func isSet(field json.RawMessage) bool {
	switch strings.TrimSpace(string(field)) {
	case "", "null", "[]", "{}", "false":
		return false
	}
	return true
}
