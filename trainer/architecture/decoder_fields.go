package architecture

import (
	"fmt"
	"math"
)

// decoder reads what most families call alike, with Llama's names for the tensors outside the blocks. context is the
// default of max_position_embeddings.
func (f *fields) decoder(epsilon string, otherwise float64, context int) Config {
	return Config{
		Vocab: f.integer("vocab_size"), Hidden: f.integer("hidden_size"), Layers: f.integer("num_hidden_layers"),
		Heads: f.integer("num_attention_heads"), Intermediate: f.integer("intermediate_size"),
		ContextLength: f.integerOr("max_position_embeddings", context), EmbeddingScale: 1,
		Norm:  Norm{Kind: RMSNorm, Epsilon: f.numberOr(epsilon, otherwise)},
		Names: Names{Embedding: "model.embed_tokens", Layers: "model.layers", FinalNorm: "model.norm", Head: "lm_head"},
	}
}

// keyValueHeads reads "num_key_value_heads": null means one for every query head, and so does 0 for otherwise.
func (f *fields) keyValueHeads(c Config, otherwise int) int {
	if otherwise == 0 || f.null("num_key_value_heads") {
		otherwise = c.Heads
	}
	return f.integerOr("num_key_value_heads", otherwise)
}

// headDim reads "head_dim", which is the hidden size shared out among the heads where it is missing.
func (f *fields) headDim(c Config) int {
	if _, present := f.present("head_dim"); present {
		return f.integer("head_dim")
	}
	return f.sharedHeadDim(c)
}

func (f *fields) sharedHeadDim(c Config) int {
	if c.Heads < 1 {
		return 0 // Validate says it
	}
	if c.Hidden%c.Heads != 0 {
		f.fail(fmt.Errorf("the hidden size %d is not a multiple of the %d attention heads, and head_dim is missing", c.Hidden, c.Heads))
	}
	return c.Hidden / c.Heads
}

// activations are the names that config.json has for the nonlinearities; three of them are one approximation.
var activations = map[string]Activation{
	"silu": SiLU, "swish": SiLU, "gelu": GELU, "gelu_new": GELUTanh, "gelu_pytorch_tanh": GELUTanh, "gelu_fast": GELUTanh,
}

// activation reads the name of the nonlinearity.
func (f *fields) activation(name string, otherwise Activation) Activation {
	text := f.textOr(name, "")
	if text == "" {
		return otherwise
	}
	activation, known := activations[text]
	if !known {
		f.fail(fmt.Errorf("%q is %q, which is not supported; supported: silu, gelu, gelu_new, gelu_pytorch_tanh", name, text))
	}
	return activation
}

// softCap reads a bound on logits; null means none.
func (f *fields) softCap(name string, otherwise float64) float64 {
	if f.null(name) {
		return 0
	}
	bound := f.numberOr(name, otherwise)
	if _, present := f.present(name); present && !(bound > 0) {
		f.fail(fmt.Errorf("the field %q is %g, want above 0, or null for no bound", name, bound))
	}
	return bound
}

// refuse names the fields that must not be true, since the graph does not do what they ask for.
func (f *fields) refuse(names ...string) {
	for _, name := range names {
		if f.boolOr(name, false) {
			f.fail(fmt.Errorf("%q is true, which is not supported", name))
		}
	}
}

func inverseRoot(n float64) float64 { return 1 / math.Sqrt(n) }
