package weights

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
)

// modelTypeOfClass maps the class names in config.json's "architectures" to model types.
var modelTypeOfClass = map[string]string{"LlamaForCausalLM": "llama"}

// configJSON is the part of a Hugging Face config.json that matters here. Pointers tell an absent field from a zero.
type configJSON struct {
	ModelType     string   `json:"model_type"`
	Architectures []string `json:"architectures"`

	Vocab         *int     `json:"vocab_size"`
	Hidden        *int     `json:"hidden_size"`
	Intermediate  *int     `json:"intermediate_size"`
	Layers        *int     `json:"num_hidden_layers"`
	Heads         *int     `json:"num_attention_heads"`
	KVHeads       *int     `json:"num_key_value_heads"`
	HeadDim       *int     `json:"head_dim"`
	ContextLength *int     `json:"max_position_embeddings"`
	NormEpsilon   *float64 `json:"rms_norm_eps"`
	TieEmbeddings bool     `json:"tie_word_embeddings"`

	// transformers before version 5 writes rope_theta and rope_scaling; from 5 on, rope_parameters.
	RopeTheta      *float64        `json:"rope_theta"`
	RopeScaling    *ropeParameters `json:"rope_scaling"`
	RopeParameters *ropeParameters `json:"rope_parameters"`

	HiddenAct     *string         `json:"hidden_act"`
	AttentionBias bool            `json:"attention_bias"`
	MLPBias       bool            `json:"mlp_bias"`
	Quantization  json.RawMessage `json:"quantization_config"`

	BOS tokenIDs `json:"bos_token_id"`
	EOS tokenIDs `json:"eos_token_id"`
}

type ropeParameters struct {
	Theta         *float64 `json:"rope_theta"`
	RopeType      string   `json:"rope_type"`
	Type          string   `json:"type"` // the older name of rope_type
	PartialRotary *float64 `json:"partial_rotary_factor"`
}

// tokenIDs reads a token id that may be null, a number or a list of numbers.
type tokenIDs []int32

func (t *tokenIDs) UnmarshalJSON(text []byte) error {
	var one int32
	if string(text) == "null" {
		return nil
	}
	if json.Unmarshal(text, &one) == nil {
		*t = tokenIDs{one}
		return nil
	}
	var many []int32
	if err := json.Unmarshal(text, &many); err != nil {
		return errors.New("a token id is neither null, nor an integer, nor a list of integers")
	}
	*t = many
	return nil
}

// first returns the first id, or -1 when there is none.
func (t tokenIDs) first() int32 {
	if len(t) == 0 {
		return -1
	}
	return t[0]
}

// readConfigJSON reads config.json and refuses, by name, what the graph does not do.
func readConfigJSON(path string) (Config, configJSON, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, configJSON{}, err
	}
	config, raw, err := parseConfigJSON(text)
	if err != nil {
		return Config{}, configJSON{}, fmt.Errorf("read %s: %w", path, err)
	}
	return config, raw, nil
}

func parseConfigJSON(text []byte) (Config, configJSON, error) {
	var raw configJSON
	if err := json.Unmarshal(text, &raw); err != nil {
		return Config{}, raw, fmt.Errorf("it is not a model configuration: %w", err)
	}
	architecture, err := raw.architecture()
	if err != nil {
		return Config{}, raw, err
	}
	if err := raw.refuseUnsupported(); err != nil {
		return Config{}, raw, err
	}
	config, err := raw.config(architecture)
	return config, raw, err
}

func (raw configJSON) architecture() (string, error) {
	modelType := raw.ModelType
	if len(raw.Architectures) > 0 {
		known := ""
		for _, class := range raw.Architectures {
			known = max(known, modelTypeOfClass[class])
		}
		if known == "" {
			return "", fmt.Errorf("the architecture %q is not supported; supported: LlamaForCausalLM", raw.Architectures[0])
		}
		if modelType == "" {
			modelType = known
		}
	}
	if modelType == "" {
		return "", errors.New("it has neither \"model_type\" nor \"architectures\": this is not a model's config.json")
	}
	if !slices.Contains(supportedArchitectures, modelType) {
		return "", fmt.Errorf("the model type %q is not supported; supported: %s", modelType, enumerate(supportedArchitectures))
	}
	return modelType, nil
}

func (raw configJSON) refuseUnsupported() error {
	if raw.HiddenAct != nil && *raw.HiddenAct != "silu" && *raw.HiddenAct != "swish" {
		return fmt.Errorf("\"hidden_act\" is %q, which is not supported; supported: silu", *raw.HiddenAct)
	}
	if raw.AttentionBias {
		return errors.New("\"attention_bias\" is true, which is not supported; only models without biases are")
	}
	if raw.MLPBias {
		return errors.New("\"mlp_bias\" is true, which is not supported; only models without biases are")
	}
	if len(raw.Quantization) > 0 && string(raw.Quantization) != "null" {
		var quantization struct {
			Method string `json:"quant_method"`
		}
		if err := json.Unmarshal(raw.Quantization, &quantization); err != nil {
			return fmt.Errorf("\"quantization_config\": %w", err)
		}
		return fmt.Errorf("\"quantization_config\" (quant_method %q) is not supported; take the model in float32, float16, bfloat16 or as GGUF", quantization.Method)
	}
	if err := raw.RopeScaling.refuseUnsupported("rope_scaling"); err != nil {
		return err
	}
	return raw.RopeParameters.refuseUnsupported("rope_parameters")
}

func (rope *ropeParameters) refuseUnsupported(field string) error {
	if rope == nil {
		return nil
	}
	for _, kind := range []string{rope.RopeType, rope.Type} {
		if kind != "" && kind != "default" {
			return fmt.Errorf("%q has the type %q, which is not supported; supported: default (no scaling)", field, kind)
		}
	}
	if rope.PartialRotary != nil && *rope.PartialRotary != 1 {
		return fmt.Errorf("%q has partial_rotary_factor %g, which is not supported; supported: 1", field, *rope.PartialRotary)
	}
	return nil
}

// config fills in the defaults of transformers' LlamaConfig where it has one that real files rely on; sizes without
// which no model can be told are required.
func (raw configJSON) config(architecture string) (Config, error) {
	required := []struct {
		field string
		value *int
	}{
		{"vocab_size", raw.Vocab}, {"hidden_size", raw.Hidden}, {"intermediate_size", raw.Intermediate},
		{"num_hidden_layers", raw.Layers}, {"num_attention_heads", raw.Heads},
	}
	for _, r := range required {
		if r.value == nil {
			return Config{}, fmt.Errorf("the field %q is missing", r.field)
		}
	}
	config := Config{
		Architecture: architecture,
		Layers:       *raw.Layers, Hidden: *raw.Hidden, Intermediate: *raw.Intermediate, Vocab: *raw.Vocab, Heads: *raw.Heads,
		KVHeads:       valueOr(raw.KVHeads, *raw.Heads),
		ContextLength: valueOr(raw.ContextLength, 2048),
		NormEpsilon:   valueOr(raw.NormEpsilon, 1e-6),
		RopeTheta:     valueOr(raw.RopeTheta, 10000),
		TieEmbeddings: raw.TieEmbeddings,
	}
	if raw.RopeParameters != nil {
		config.RopeTheta = valueOr(raw.RopeParameters.Theta, config.RopeTheta)
	}
	if raw.HeadDim != nil {
		config.HeadDim = *raw.HeadDim
	} else if config.Heads > 0 {
		if config.Hidden%config.Heads != 0 {
			return Config{}, fmt.Errorf("hidden_size %d is not a multiple of num_attention_heads %d, and head_dim is missing", config.Hidden, config.Heads)
		}
		config.HeadDim = config.Hidden / config.Heads
	}
	return config, config.validate()
}

// valueOr returns what the pointer points to, or the default when it is nil.
func valueOr[T any](pointer *T, otherwise T) T {
	if pointer == nil {
		return otherwise
	}
	return *pointer
}
