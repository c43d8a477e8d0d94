package architecture

import (
	"fmt"
	"math"
)

// Config is the architecture of a causal language model.
type Config struct {
	// Family is the model type of config.json: "llama".
	Family string
	// Layers is the number of decoder blocks.
	Layers int
	// Hidden is the width of the residual stream.
	Hidden int
	// Heads and KVHeads are the numbers of query heads and of key/value heads; KVHeads divides Heads.
	Heads, KVHeads int
	// HeadDim is the width of one head. Heads×HeadDim need not equal Hidden.
	HeadDim int
	// Intermediate is the width of the feed-forward layer.
	Intermediate int
	// Vocab is the number of rows of the embedding, which may exceed the tokenizer's size.
	Vocab int
	// ContextLength is the longest sequence, in tokens, that the model was made for.
	ContextLength int
	// TieEmbeddings says that the output head is the embedding itself.
	TieEmbeddings bool

	// EmbeddingScale multiplies the embedded tokens; 1 for most.
	EmbeddingScale float64
	// LearnedPositions says that a table of ContextLength rows is added to the embedded tokens.
	LearnedPositions bool
	// Rotary turns queries and keys by position; its Frequencies are empty where nothing turns.
	Rotary Rotary
	// LocalRotary takes the place of Rotary in layers with a window, where it has Frequencies.
	LocalRotary Rotary

	// Norm holds for every norm of the model.
	Norm Norm

	// AttentionScale multiplies the products of queries and keys: 1/√HeadDim for most.
	AttentionScale float64
	// AttentionSoftCap bounds the scaled products to ±cap by cap·tanh(x/cap); 0 means no bound.
	AttentionSoftCap float64
	// Windows holds for each layer how many positions a query sees, itself included; 0 means all before it. Nil means 0
	// for every layer.
	Windows []int

	// Activation is the nonlinearity of the feed-forward layer.
	Activation Activation
	// FinalSoftCap bounds the logits like AttentionSoftCap; 0 means no bound.
	FinalSoftCap float64

	// Block is what each decoder block is made of.
	Block Block
	// Names are the tensors outside the blocks.
	Names Names
}

// NormKind tells the two norms apart.
type NormKind string

// The norms.
const (
	RMSNorm   NormKind = "rms"   // x/√(mean(x²)+ε)·gain
	LayerNorm NormKind = "layer" // (x−mean(x))/√(var(x)+ε)·gain + bias
)

// Norm is how a model normalizes.
type Norm struct {
	Kind    NormKind
	Epsilon float64
	// UnitOffset says that the stored gain lacks 1, as Gemma's does.
	UnitOffset bool
}

// Activation is a nonlinearity.
type Activation string

// The activations.
const (
	SiLU     Activation = "silu"
	GELU     Activation = "gelu"      // exact, by the error function
	GELUTanh Activation = "gelu_tanh" // the approximation by tanh
)

// Linear is one frozen linear layer of a block, as checkpoints store it.
type Linear struct {
	// Name is its path inside the block: "self_attn.q_proj".
	Name    string
	In, Out int
	Bias    bool
	// Transposed says that the weight is stored as [in, out], as GPT-2's Conv1D does, and not as [out, in].
	Transposed bool
}

// Block is what a decoder block is made of. Norms are names of paths inside the block; "" means that there is none.
type Block struct {
	AttentionNorm   string // on what attention reads
	FeedForwardNorm string // on what the feed-forward layer reads
	// PostAttentionNorm and PostFeedForwardNorm are on the outputs, before they are added to the residual stream.
	PostAttentionNorm, PostFeedForwardNorm string
	// QueryNorm and KeyNorm are on each head, before it turns.
	QueryNorm, KeyNorm string

	// QueryKeyValue are the projections of queries, keys and values in this order: three, or one that has the rows of all.
	QueryKeyValue []Linear
	// InterleavedHeads says that the one projection's rows lie head by head: query, key and value of the first head, of the
	// second, and so on. So there are as many key/value heads as heads.
	InterleavedHeads bool
	Output           Linear

	// Gated says that the feed-forward layer is down(activation(gate)·up), and not down(activation(up)).
	Gated bool
	// GateUp are gate and up, or one layer that has the rows of both; only up where the layer is not gated.
	GateUp []Linear
	Down   Linear

	// Parallel says that attention and the feed-forward layer both read the block's input, so that the block adds both to it.
	Parallel bool
}

// Names are the names of the modules outside the blocks, and of the path before a block's number.
type Names struct {
	Embedding string // "model.embed_tokens"
	Positions string // the table of learned positions; "" without one
	Layers    string // "model.layers"
	FinalNorm string // "model.norm"
	Head      string // "lm_head"
}

// Window is how many positions a query of a layer sees, itself included; 0 means all before it.
func (c *Config) Window(layer int) int {
	if c.Windows == nil {
		return 0
	}
	return c.Windows[layer]
}

// RotaryOf returns what turns the queries and keys of a layer.
func (c *Config) RotaryOf(layer int) Rotary {
	if c.Window(layer) > 0 && len(c.LocalRotary.Frequencies) > 0 {
		return c.LocalRotary
	}
	return c.Rotary
}

// Parameters returns the number of weights of the model; a tied head is counted once.
func (c *Config) Parameters() int64 {
	var total int64
	for _, tensor := range c.Tensors() {
		size := int64(1)
		for _, dimension := range tensor.Shape {
			size *= int64(dimension)
		}
		total += size
	}
	return total
}

// Limits on what a config may ask for. They are far above any real model; what they keep out is a damaged or hostile
// file that would have us multiply into overflow or list a billion layers.
const (
	maxLayers    = 4096
	maxDimension = 1 << 24
	maxHeadDim   = 1 << 15
	maxContext   = 1 << 30
)

// Validate checks the numbers against each other. The message names no file: the caller adds it.
func (c *Config) Validate() error {
	bounded := []struct {
		what       string
		value, max int
	}{
		{"number of layers", c.Layers, maxLayers},
		{"hidden size", c.Hidden, maxDimension},
		{"number of attention heads", c.Heads, maxDimension},
		{"number of key/value heads", c.KVHeads, maxDimension},
		{"head dimension", c.HeadDim, maxHeadDim},
		{"intermediate size", c.Intermediate, maxDimension},
		{"vocabulary size", c.Vocab, maxDimension},
		{"context length", c.ContextLength, maxContext},
	}
	for _, b := range bounded {
		if b.value < 1 || b.value > b.max {
			return fmt.Errorf("the %s is %d, want 1 to %d", b.what, b.value, b.max)
		}
	}
	if c.Heads%c.KVHeads != 0 {
		return fmt.Errorf("%d attention heads are not a multiple of %d key/value heads", c.Heads, c.KVHeads)
	}
	if c.Block.InterleavedHeads && c.KVHeads != c.Heads {
		return fmt.Errorf("interleaved heads, each with a key and a value of its own, need as many key/value heads as attention heads, but there are %d and %d", c.KVHeads, c.Heads)
	}
	if c.Heads*c.HeadDim > maxDimension {
		return fmt.Errorf("%d heads of %d make an attention width above %d", c.Heads, c.HeadDim, maxDimension)
	}
	if !(c.Norm.Epsilon > 0) {
		return fmt.Errorf("the norm epsilon is %g, want above 0", c.Norm.Epsilon)
	}
	for _, positive := range []struct {
		what  string
		value float64
	}{{"embedding scale", c.EmbeddingScale}, {"attention scale", c.AttentionScale}} {
		if !(positive.value > 0) || math.IsInf(positive.value, 0) {
			return fmt.Errorf("the %s is %g, want above 0", positive.what, positive.value)
		}
	}
	if !(c.AttentionSoftCap >= 0) || !(c.FinalSoftCap >= 0) {
		return fmt.Errorf("the soft caps are %g and %g, want at least 0", c.AttentionSoftCap, c.FinalSoftCap)
	}
	if c.Windows != nil && len(c.Windows) != c.Layers {
		return fmt.Errorf("%d layers have a window or none, but there are %d layers", len(c.Windows), c.Layers)
	}
	for _, rotary := range []Rotary{c.Rotary, c.LocalRotary} {
		if err := rotary.validate(c.HeadDim); err != nil {
			return err
		}
	}
	return nil
}
