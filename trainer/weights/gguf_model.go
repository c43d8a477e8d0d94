package weights

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/shannon-labs/scu/trainer/tokenizer"
)

// Tensors of GGUF files that are read for a reason of their own.
const (
	ggufHeadName          = "output.weight"
	ggufEmbeddingName     = "token_embd.weight"
	ggufRopeFactorsTensor = "rope_freqs.weight"
)

// openGGUF opens a GGUF file; path is what the user gave, which may be the directory around it.
func openGGUF(path, file string) (_ *Model, err error) {
	source, size, err := openRegular(file)
	if err != nil {
		return nil, fmt.Errorf("open the base model: %w", err)
	}
	model := &Model{Path: path, Format: FormatGGUF, closers: []*os.File{source}}
	defer func() {
		if err != nil {
			model.Close()
		}
	}()
	header, err := readGGUFHeader(source, size, file)
	if err != nil {
		return nil, err
	}
	stored := map[string]storedTensor{}
	for _, tensor := range header.tensors {
		stored[tensor.name] = tensor
	}
	if model.Config, err = header.metadata.config(file, stored); err != nil {
		return nil, err
	}
	unused, err := model.bind(stored, func(t tensorLayout) string { return t.ggufName })
	if err != nil {
		return nil, err
	}
	if len(unused) > 0 {
		return nil, unexpectedTensors(file, unused)
	}
	model.markRotaryOrder()
	if model.special, err = header.metadata.specialTokens(); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if model.chatTemplate, _, err = header.metadata.text("tokenizer.chat_template"); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	model.tokenizer = sync.OnceValues(func() (*tokenizer.Tokenizer, error) {
		parsed, err := header.metadata.tokenizer()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		if err := checkTokenizerSize(file, parsed.Size(), model.Config); err != nil {
			return nil, err
		}
		return parsed, nil
	})
	model.fingerprint = sync.OnceValues(func() (string, error) { return model.ggufFingerprint(source, header.size) })
	return model, nil
}

// markRotaryOrder notes which tensors' rows have to be put back into Hugging Face's order.
func (m *Model) markRotaryOrder() {
	for _, layout := range m.Config.layout() {
		tensor := m.tensors[layout.name]
		tensor.rotaryHeads = layout.rotaryHeads
		m.tensors[layout.name] = tensor
	}
}

// config builds the architecture from the metadata, whose keys begin with the architecture's name. What the metadata
// leaves out is taken from the tensors where they tell it.
func (m ggufMetadata) config(file string, stored map[string]storedTensor) (Config, error) {
	architecture, _, err := m.text("general.architecture")
	if err != nil {
		return Config{}, fmt.Errorf("read %s: %w", file, err)
	}
	if !slices.Contains(supportedArchitectures, architecture) {
		return Config{}, unsupportedArchitecture(file, architecture)
	}
	if err := m.refuseUnsupported(stored); err != nil {
		return Config{}, fmt.Errorf("read %s: %w", file, err)
	}
	fields := ggufFields{metadata: m}
	_, untied := stored[ggufHeadName]
	config := Config{
		Architecture:  architecture,
		Layers:        fields.required("llama.block_count"),
		Hidden:        fields.required("llama.embedding_length"),
		Intermediate:  fields.required("llama.feed_forward_length"),
		Heads:         fields.required("llama.attention.head_count"),
		ContextLength: fields.required("llama.context_length"),
		NormEpsilon:   fields.requiredFloat("llama.attention.layer_norm_rms_epsilon"),
		RopeTheta:     fields.floatOr("llama.rope.freq_base", 10000),
		TieEmbeddings: !untied,
	}
	config.KVHeads = fields.integerOr("llama.attention.head_count_kv", config.Heads)
	config.HeadDim = fields.integerOr("llama.attention.key_length", config.Hidden/max(1, config.Heads))
	// The metadata need not count the vocabulary, and some writers count the tokens before padding: the tensor decides.
	if embedding := stored[ggufEmbeddingName]; len(embedding.shape) == 2 {
		config.Vocab = embedding.shape[0]
	}
	if rotary := fields.integerOr("llama.rope.dimension_count", config.HeadDim); rotary != config.HeadDim {
		fields.fail(fmt.Errorf("positions rotate %d of the %d dimensions of a head, which is not supported", rotary, config.HeadDim))
	}
	if value := fields.integerOr("llama.attention.value_length", config.HeadDim); value != config.HeadDim {
		fields.fail(fmt.Errorf("the value heads have %d dimensions and the key heads %d, which is not supported", value, config.HeadDim))
	}
	if fields.err != nil {
		return Config{}, fmt.Errorf("read %s: %w", file, fields.err)
	}
	if config.Vocab == 0 {
		return Config{}, fmt.Errorf("open %s: the tensor %q is missing or not a matrix; download the model again", file, ggufEmbeddingName)
	}
	if err := config.validate(); err != nil {
		return Config{}, fmt.Errorf("read %s: %w", file, err)
	}
	return config, nil
}

// refuseUnsupported names what a Llama-like GGUF file may hold and the graph does not do.
func (m ggufMetadata) refuseUnsupported(stored map[string]storedTensor) error {
	experts, _, errExperts := m.integer("llama.expert_count")
	parts, _, errParts := m.integer("split.count")
	scaling, scaled, errScaling := m.text("llama.rope.scaling.type")
	if err := errors.Join(errExperts, errParts, errScaling); err != nil {
		return err
	}
	if experts > 0 {
		return fmt.Errorf("it is a mixture of %d experts, which is not supported", experts)
	}
	if parts > 1 {
		return fmt.Errorf("it is one of %d parts; join them first (llama-gguf-split --merge)", parts)
	}
	if scaled && scaling != "none" {
		return fmt.Errorf("metadata \"llama.rope.scaling.type\" is %q, which is not supported; supported: none", scaling)
	}
	if _, present := stored[ggufRopeFactorsTensor]; present {
		return fmt.Errorf("the tensor %q scales the rotary frequencies, as Llama 3.1 does, which is not supported", ggufRopeFactorsTensor)
	}
	return nil
}

// ggufFields reads several keys and keeps the first error, so that the reading can be written as one expression.
type ggufFields struct {
	metadata ggufMetadata
	err      error
}

func (f *ggufFields) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *ggufFields) required(key string) int {
	value, present, err := f.metadata.integer(key)
	if err == nil && !present {
		err = fmt.Errorf("metadata %q is missing", key)
	}
	f.fail(err)
	return value
}

func (f *ggufFields) integerOr(key string, otherwise int) int {
	value, present, err := f.metadata.integer(key)
	f.fail(err)
	if !present {
		return otherwise
	}
	return value
}

func (f *ggufFields) requiredFloat(key string) float64 {
	value, present, err := f.metadata.float(key)
	if err == nil && !present {
		err = fmt.Errorf("metadata %q is missing", key)
	}
	f.fail(err)
	return value
}

func (f *ggufFields) floatOr(key string, otherwise float64) float64 {
	value, present, err := f.metadata.float(key)
	f.fail(err)
	if !present {
		return otherwise
	}
	return value
}
