package weights

import (
	"fmt"
	"strings"
)

// supportedArchitectures are the model types whose graph exists in this program.
var supportedArchitectures = []string{"llama"}

// Config is the architecture of a causal language model, as its graph needs it.
type Config struct {
	// Architecture is the model type: "llama".
	Architecture string
	// Layers is the number of decoder blocks.
	Layers int
	// Hidden is the width of the residual stream.
	Hidden int
	// Heads and KVHeads are the numbers of query heads and of key/value heads; KVHeads divides Heads.
	Heads, KVHeads int
	// HeadDim is the width of one head. Heads×HeadDim need not equal Hidden.
	HeadDim int
	// Intermediate is the width of the gated feed-forward layer.
	Intermediate int
	// Vocab is the number of rows of the embedding, which may exceed the tokenizer's size.
	Vocab int
	// ContextLength is the longest sequence, in tokens, that the model was made for.
	ContextLength int
	// RopeTheta is the base of the rotary position frequencies.
	RopeTheta float64
	// NormEpsilon is added to the mean square inside each RMS norm.
	NormEpsilon float64
	// TieEmbeddings says that the output head is the embedding itself.
	TieEmbeddings bool
}

// Parameters returns the number of weights of the model; a tied head is counted once.
func (c Config) Parameters() int64 {
	var total int64
	for _, tensor := range c.layout() {
		size := int64(1)
		for _, dimension := range tensor.shape {
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
	maxContext   = 1 << 30
)

// validate checks the numbers against each other. The message names no file: the caller adds it.
func (c Config) validate() error {
	bounded := []struct {
		what       string
		value, max int
	}{
		{"number of layers", c.Layers, maxLayers},
		{"hidden size", c.Hidden, maxDimension},
		{"number of attention heads", c.Heads, maxDimension},
		{"number of key/value heads", c.KVHeads, maxDimension},
		{"head dimension", c.HeadDim, maxDimension},
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
	if c.HeadDim%2 != 0 {
		return fmt.Errorf("the head dimension %d is odd, and rotary positions need pairs", c.HeadDim)
	}
	if c.Heads*c.HeadDim > maxDimension {
		return fmt.Errorf("%d heads of %d make an attention width above %d", c.Heads, c.HeadDim, maxDimension)
	}
	if !(c.RopeTheta > 0) || !(c.NormEpsilon > 0) {
		return fmt.Errorf("the rope theta is %g and the norm epsilon %g, want both above 0", c.RopeTheta, c.NormEpsilon)
	}
	return nil
}

// unsupportedArchitecture is the refusal of a model type that has no graph here.
func unsupportedArchitecture(path, architecture string) error {
	return fmt.Errorf("read %s: the architecture %q is not supported; supported: %s",
		path, architecture, strings.Join(supportedArchitectures, ", "))
}
