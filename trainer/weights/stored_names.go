package weights

import (
	"regexp"
	"slices"
	"strings"

	"github.com/shannon-labs/scu/trainer/architecture"
)

// storedNames returns what finds the name that a checkpoint has for a tensor. A checkpoint of the base class lacks the
// first part of every name but the head's, as GPT-2's first files do: "h.0.ln_1.weight" for "transformer.h.0.ln_1.weight".
// The embedding tells which of the two it is; a checkpoint that has both kinds has tensors left over.
func storedNames(c *architecture.Config, stored map[string]storedTensor) func(name string) string {
	base, _, _ := strings.Cut(c.Names.Layers, ".")
	withoutBase := func(name string) string { return strings.TrimPrefix(name, base+".") }
	embedding := c.Names.Embedding + ".weight"
	_, full := stored[embedding]
	_, short := stored[withoutBase(embedding)]
	if short && !full {
		return withoutBase
	}
	return func(name string) string { return name }
}

// buffers match tensors that old checkpoints carry and that the configuration determines: rotary frequencies, and the
// causal mask with the number that it masks with.
var buffers = []*regexp.Regexp{
	regexp.MustCompile(`(^|\.)layers\.\d+\.(self_attn|attention)\.rotary_emb\.inv_freq$`),
	regexp.MustCompile(`(^|\.)h\.\d+\.attn\.(bias|masked_bias)$`),
	regexp.MustCompile(`(^|\.)layers\.\d+\.attention\.(bias|masked_bias)$`),
}

func isBuffer(name string) bool {
	return slices.ContainsFunc(buffers, func(pattern *regexp.Regexp) bool { return pattern.MatchString(name) })
}
