package lora

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shannon-labs/scu/trainer/weights"
)

// The files of PEFT's layout.
const (
	ConfigFile  = "adapter_config.json"
	WeightsFile = "adapter_model.safetensors"
)

// Adapter is an adapter's weights with their layout.
type Adapter struct {
	Layout *Layout
	Values []float32 // Layout.Size of them
}

// peftConfig is adapter_config.json as PEFT reads it.
type peftConfig struct {
	PeftType           string          `json:"peft_type"`
	TaskType           string          `json:"task_type"`
	BaseModel          string          `json:"base_model_name_or_path"`
	Rank               int             `json:"r"`
	Alpha              float64         `json:"lora_alpha"`
	Dropout            float64         `json:"lora_dropout"`
	TargetModules      json.RawMessage `json:"target_modules"`
	Bias               string          `json:"bias"`
	FanInFanOut        bool            `json:"fan_in_fan_out"`
	InferenceMode      bool            `json:"inference_mode"`
	InitLoraWeights    json.RawMessage `json:"init_lora_weights"`
	UseRSLora          bool            `json:"use_rslora"`
	UseDora            bool            `json:"use_dora"`
	ModulesToSave      json.RawMessage `json:"modules_to_save"`
	LayersToTransform  json.RawMessage `json:"layers_to_transform"`
	RankPattern        json.RawMessage `json:"rank_pattern,omitempty"`
	AlphaPattern       json.RawMessage `json:"alpha_pattern,omitempty"`
	ExcludeModules     json.RawMessage `json:"exclude_modules,omitempty"`
	TrainableTokens    json.RawMessage `json:"trainable_token_indices,omitempty"`
	LayerReplication   json.RawMessage `json:"layer_replication,omitempty"`
	TargetParameters   json.RawMessage `json:"target_parameters,omitempty"`
	LayersPatternField json.RawMessage `json:"layers_pattern,omitempty"`
}

// TensorName is the name that PEFT gives to one matrix ("A" or "B") of a slot.
func (s Slot) TensorName(matrix string) string {
	parent := "self_attn"
	if slices.Contains([]string{"gate_proj", "up_proj", "down_proj"}, s.Module) {
		parent = "mlp"
	}
	return fmt.Sprintf("base_model.model.model.layers.%d.%s.%s.lora_%s.weight", s.Layer, parent, s.Module, matrix)
}

// Save writes adapter_config.json and adapter_model.safetensors into an existing directory that nobody looks at yet: the
// caller makes it visible, whole, by renaming it. baseModel is what a loader is told to load under the adapter.
func (a *Adapter) Save(directory, baseModel string) error {
	config := a.Layout.Config
	modules, err := json.Marshal(config.Modules)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(peftConfig{
		PeftType: "LORA", TaskType: "CAUSAL_LM", BaseModel: baseModel, Rank: config.Rank, Alpha: config.Alpha, Dropout: config.Dropout,
		TargetModules: modules, Bias: "none", InferenceMode: true,
		InitLoraWeights: json.RawMessage("true"), ModulesToSave: json.RawMessage("null"), LayersToTransform: json.RawMessage("null"),
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(directory, ConfigFile), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the adapter: %w", err)
	}
	return weights.WriteSafetensors(filepath.Join(directory, WeightsFile), a.Tensors(), map[string]string{"format": "pt"})
}

// Tensors returns copies of the matrices with PEFT's names and shapes.
func (a *Adapter) Tensors() []weights.Tensor {
	rank := a.Layout.Config.Rank
	var tensors []weights.Tensor
	for _, slot := range a.Layout.Slots {
		b := make([]float32, slot.Out*rank)
		transpose(b, a.Values[slot.B:slot.B+len(b)], rank, slot.Out)
		tensors = append(tensors,
			weights.Tensor{Name: slot.TensorName("A"), Shape: []int{rank, slot.In}, Data: a.Values[slot.A:slot.B]},
			weights.Tensor{Name: slot.TensorName("B"), Shape: []int{slot.Out, rank}, Data: b})
	}
	return tensors
}

// transpose writes source [rows, columns] to target [columns, rows].
func transpose(target, source []float32, rows, columns int) {
	for row := range rows {
		for column := range columns {
			target[column*rows+row] = source[row*columns+column]
		}
	}
}

// Load reads an adapter from a directory in PEFT's layout, and checks that it fits the model. It refuses what this
// program would compute differently from PEFT, by name, rather than leave it out.
func Load(directory string, arch weights.Config) (*Adapter, error) {
	path := filepath.Join(directory, ConfigFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no adapter at %s: it holds no %s; give the directory that \"scu download\" or PEFT wrote", directory, ConfigFile)
	}
	if err != nil {
		return nil, fmt.Errorf("read the adapter at %s: %w", directory, err)
	}
	var peft peftConfig
	if err := json.Unmarshal(text, &peft); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	config, err := peft.config()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	layout, err := NewLayout(arch, config)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	adapter := &Adapter{Layout: layout, Values: make([]float32, layout.Size)}
	if err := adapter.read(filepath.Join(directory, WeightsFile)); err != nil {
		return nil, err
	}
	return adapter, nil
}

func (p *peftConfig) config() (Config, error) {
	if p.PeftType != "LORA" {
		return Config{}, fmt.Errorf("peft_type is %q; only LORA is supported", p.PeftType)
	}
	unsupported := map[string]bool{
		"use_dora":                p.UseDora,
		"fan_in_fan_out":          p.FanInFanOut,
		"bias " + p.Bias:          p.Bias != "" && p.Bias != "none",
		"modules_to_save":         isSet(p.ModulesToSave),
		"layers_to_transform":     isSet(p.LayersToTransform),
		"layers_pattern":          isSet(p.LayersPatternField),
		"rank_pattern":            isSet(p.RankPattern),
		"alpha_pattern":           isSet(p.AlphaPattern),
		"exclude_modules":         isSet(p.ExcludeModules),
		"trainable_token_indices": isSet(p.TrainableTokens),
		"layer_replication":       isSet(p.LayerReplication),
		"target_parameters":       isSet(p.TargetParameters),
	}
	for name, used := range unsupported {
		if used {
			return Config{}, fmt.Errorf("%s is used, which is not supported", name)
		}
	}
	if p.Rank < 1 {
		return Config{}, fmt.Errorf("r is %d; it must be at least 1", p.Rank)
	}
	modules, err := p.modules()
	if err != nil {
		return Config{}, err
	}
	config := Config{Rank: p.Rank, Alpha: p.Alpha, Dropout: p.Dropout, Modules: modules}
	if p.UseRSLora { // the scale is α/√r, which is that of a plain adapter with α√r
		config.Alpha *= math.Sqrt(float64(p.Rank))
	}
	return config, nil
}

// modules reads target_modules: a list of names (a dotted name counts by its last part) or "all-linear".
func (p *peftConfig) modules() ([]string, error) {
	var all string
	if json.Unmarshal(p.TargetModules, &all) == nil {
		if all == "all-linear" {
			return slices.Clone(Modules), nil
		}
		return nil, fmt.Errorf("target_modules is the pattern %q; only a list of names or \"all-linear\" is supported", all)
	}
	var listed []string
	if err := json.Unmarshal(p.TargetModules, &listed); err != nil {
		return nil, fmt.Errorf("target_modules is %s; it must be a list of names", p.TargetModules)
	}
	for i, name := range listed {
		listed[i] = name[strings.LastIndex(name, ".")+1:]
	}
	slices.SortFunc(listed, func(a, b string) int { return slices.Index(Modules, a) - slices.Index(Modules, b) })
	return slices.Compact(listed), nil // "all-linear" is saved as the full name of every layer's module
}

func isSet(field json.RawMessage) bool {
	switch strings.TrimSpace(string(field)) {
	case "", "null", "[]", "{}", "false":
		return false
	}
	return true
}

// read fills the values from a file that must hold every matrix of the layout, and nothing else.
func (a *Adapter) read(path string) error {
	file, err := weights.OpenSafetensors(path)
	if err != nil {
		return err
	}
	defer file.Close()
	left := map[string]bool{}
	for _, name := range file.Names() {
		left[name] = true
	}
	rank := a.Layout.Config.Rank
	for _, slot := range a.Layout.Slots {
		matrixA, err := readMatrix(file, path, slot.TensorName("A"), rank, slot.In)
		if err != nil {
			return err
		}
		matrixB, err := readMatrix(file, path, slot.TensorName("B"), slot.Out, rank)
		if err != nil {
			return err
		}
		copy(a.Values[slot.A:], matrixA)
		transpose(a.Values[slot.B:slot.B+len(matrixB)], matrixB, slot.Out, rank)
		delete(left, slot.TensorName("A"))
		delete(left, slot.TensorName("B"))
	}
	for name := range left {
		return fmt.Errorf("read %s: it holds %s, which belongs to no adapted layer of this model", path, name)
	}
	return nil
}

func readMatrix(file *weights.Safetensors, path, name string, rows, columns int) ([]float32, error) {
	shape, err := file.Shape(name)
	if err != nil {
		return nil, fmt.Errorf("%w; the adapter does not fit this model or its own %s", err, ConfigFile)
	}
	if !slices.Equal(shape, []int{rows, columns}) {
		return nil, fmt.Errorf("read %s: %s has the shape %v, but this model and rank want [%d %d]", path, name, shape, rows, columns)
	}
	return file.Float32(name, nil)
}
