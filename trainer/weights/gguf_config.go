package weights

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/shannon-labs/scu/trainer/architecture"
)

// Tensors of GGUF files that are read for a reason of their own.
const (
	ggufHeadName        = "output.weight"
	ggufEmbeddingName   = "token_embd.weight"
	ggufRopeFactorsName = "rope_freqs.weight"
)

// family finds out how the file's model is stored.
func (m ggufMetadata) family() (ggufFamily, error) {
	name, _, err := m.text("general.architecture")
	if err != nil {
		return ggufFamily{}, err
	}
	family, known := ggufFamilies[name]
	if !known {
		return ggufFamily{}, fmt.Errorf("the architecture %q is not supported in a GGUF file; supported: %s; take other models as safetensors",
			name, supportedGGUF())
	}
	return family, nil
}

// config builds the architecture from the metadata, whose keys begin with the architecture's name, by way of the
// config.json that the same model would have. What the metadata leaves out is taken from the tensors where they tell it.
func (m ggufMetadata) config(family ggufFamily, stored map[string]storedTensor) (architecture.Config, error) {
	var none architecture.Config
	prefix, _, err := m.text("general.architecture")
	if err != nil {
		return none, err
	}
	fields := &ggufFields{metadata: m, prefix: prefix + "."}
	fields.refuseUnsupported()
	description := fields.description(family)
	if fields.err != nil {
		return none, fields.err
	}
	// The metadata need not count the vocabulary, and some writers count the tokens before padding: the tensor decides.
	embedding := stored[ggufEmbeddingName]
	if len(embedding.shape) != 2 {
		return none, fmt.Errorf("the tensor %q is missing or not a matrix; download the model again", ggufEmbeddingName)
	}
	_, untied := stored[ggufHeadName]
	description["vocab_size"], description["tie_word_embeddings"] = embedding.shape[0], !untied
	text, err := json.Marshal(description)
	if err != nil {
		return none, err // a number that is not finite
	}
	config, err := architecture.Parse(text)
	if err != nil {
		return none, err
	}
	if family.wholeGains {
		config.Norm.UnitOffset = false
	}
	return config, divideFrequencies(&config, stored)
}

// description is the config.json that the model would have, but for what the tensors tell.
func (f *ggufFields) description(family ggufFamily) map[string]any {
	heads, hidden := f.required("attention.head_count"), f.required("embedding_length")
	headDim := f.integerOr("attention.key_length", hidden/max(1, heads))
	description := map[string]any{
		"model_type": family.modelType, "hidden_size": hidden, "num_attention_heads": heads, "head_dim": headDim,
		"num_hidden_layers":       f.required("block_count"),
		"intermediate_size":       f.required("feed_forward_length"),
		"max_position_embeddings": f.required("context_length"),
		"num_key_value_heads":     f.integerOr("attention.head_count_kv", heads),
		"rms_norm_eps":            f.requiredFloat("attention.layer_norm_rms_epsilon"),
		"rope_theta":              f.floatOr("rope.freq_base", 10000),
	}
	if rotary := f.integerOr("rope.dimension_count", headDim); rotary != headDim {
		f.fail(fmt.Errorf("positions rotate %d of the %d dimensions of a head, which is not supported", rotary, headDim))
	}
	if value := f.integerOr("attention.value_length", headDim); value != headDim {
		f.fail(fmt.Errorf("the value heads have %d dimensions and the key heads %d, which is not supported", value, headDim))
	}
	if kind := f.textOr("rope.scaling.type", "none"); kind == "linear" {
		description["rope_scaling"] = map[string]any{"rope_type": kind, "factor": f.requiredFloat("rope.scaling.factor")}
	} else if kind != "none" {
		f.fail(fmt.Errorf("metadata %q is %q, which is not supported; supported: none, linear", f.prefix+"rope.scaling.type", kind))
	}
	if scale := f.floatOr("rope.scale_linear", 1); scale != 1 { // what writers had before rope.scaling
		f.fail(fmt.Errorf("metadata %q is %g, which is not supported; convert the model again with a newer llama.cpp", f.prefix+"rope.scale_linear", scale))
	}
	if family.describe != nil {
		family.describe(f, description)
	}
	return description
}

// refuseUnsupported names what a file may hold and the graph does not do.
func (f *ggufFields) refuseUnsupported() {
	parts, _, err := f.metadata.integer("split.count")
	f.fail(err)
	if parts > 1 {
		f.fail(fmt.Errorf("it is one of %d parts; join them first (llama-gguf-split --merge)", parts))
	}
	if experts := f.integerOr("expert_count", 0); experts > 0 {
		f.fail(fmt.Errorf("it is a mixture of %d experts, which is not supported", experts))
	}
}

// divideFrequencies applies the tensor by which GGUF files carry the rotary scaling of Llama 3.1: a divisor for each
// frequency.
func divideFrequencies(c *architecture.Config, stored map[string]storedTensor) error {
	tensor, present := stored[ggufRopeFactorsName]
	if !present {
		return nil
	}
	if len(tensor.shape) != 1 || tensor.shape[0] != len(c.Rotary.Frequencies) {
		return fmt.Errorf("the tensor %q has the shape %v, want one divisor for each of %d rotary frequencies",
			ggufRopeFactorsName, tensor.shape, len(c.Rotary.Frequencies))
	}
	divisors, err := tensor.float32s(nil)
	if err != nil {
		return err
	}
	for i, divisor := range divisors {
		if !(divisor > 0) || math.IsInf(float64(divisor), 0) {
			return fmt.Errorf("the tensor %q holds %g, want divisors above 0", ggufRopeFactorsName, divisor)
		}
		c.Rotary.Frequencies[i] /= float64(divisor)
	}
	return c.Validate()
}

// ggufFields reads several keys of one architecture and keeps the first error, so that the reading can be written as one
// expression.
type ggufFields struct {
	metadata ggufMetadata
	prefix   string // of every key: "llama."
	err      error
}

func (f *ggufFields) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *ggufFields) missing(key string) {
	f.fail(fmt.Errorf("metadata %q is missing", f.prefix+key))
}

func (f *ggufFields) required(key string) int {
	value, present, err := f.metadata.integer(f.prefix + key)
	f.fail(err)
	if !present {
		f.missing(key)
	}
	return value
}

func (f *ggufFields) integerOr(key string, otherwise int) int {
	value, present, err := f.metadata.integer(f.prefix + key)
	f.fail(err)
	if !present {
		return otherwise
	}
	return value
}

func (f *ggufFields) textOr(key, otherwise string) string {
	value, present, err := f.metadata.text(f.prefix + key)
	f.fail(err)
	if !present {
		return otherwise
	}
	return value
}

func (f *ggufFields) number(key string) (value float64, present bool) {
	value, present, err := f.metadata.float(f.prefix + key)
	f.fail(err)
	return value, present
}

func (f *ggufFields) requiredFloat(key string) float64 {
	value, present := f.number(key)
	if !present {
		f.missing(key)
	}
	return value
}

func (f *ggufFields) floatOr(key string, otherwise float64) float64 {
	value, present := f.number(key)
	if !present {
		return otherwise
	}
	return value
}
