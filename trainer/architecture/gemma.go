package architecture

import (
	"fmt"
	"math"
)

// gemma is Gemma 1: embeddings scaled by √hidden, norms whose stored gain lacks 1, and a gate of GELU.
func gemma(f *fields) Config {
	c := f.gemmaDecoder(8192, 16)
	c.Rotary = f.rotary(c.HeadDim, c.ContextLength)
	c.AttentionScale = inverseRoot(float64(c.HeadDim))
	c.Windows = f.sameWindows(c.Layers, 0)
	c.Activation = f.gemmaActivation()
	return c
}

// gemmaDecoder reads what the Gemmas have in common.
func (f *fields) gemmaDecoder(context, keyValueHeads int) Config {
	f.refuse("use_bidirectional_attention")
	c := f.decoder("rms_norm_eps", 1e-6, context)
	c.KVHeads = f.keyValueHeads(c, keyValueHeads)
	c.HeadDim = f.integerOr("head_dim", 256)
	c.EmbeddingScale = math.Sqrt(float64(c.Hidden))
	c.Norm.UnitOffset = true
	c.TieEmbeddings = f.boolOr("tie_word_embeddings", true)
	bias := f.boolOr("attention_bias", false)
	c.Block = gatedBlock(c, bias, bias, false)
	return c
}

// gemmaActivation reads the nonlinearity of Gemma 1. The released files say "gelu" in hidden_act and mean the
// approximation by tanh; versions of transformers differ in which of two fields they read, so both must mean the same.
func (f *fields) gemmaActivation() Activation {
	for _, name := range []string{"hidden_act", "hidden_activation"} {
		if activation := f.activation(name, GELUTanh); activation != GELU && activation != GELUTanh {
			f.fail(fmt.Errorf("%q is %q, which is not supported for gemma; supported: gelu_pytorch_tanh", name, activation))
		}
	}
	return GELUTanh
}
