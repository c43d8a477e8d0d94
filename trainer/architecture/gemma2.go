package architecture

// gemma2 is Gemma 2: Gemma with norms on the outputs as well, bounds on the attention's products and on the logits, and a
// window in every other layer, from the first.
func gemma2(f *fields) Config {
	c := f.gemmaDecoder(8192, 4)
	c.Rotary = f.rotary(c.HeadDim, c.ContextLength)
	c.AttentionScale = inverseRoot(f.numberOr("query_pre_attn_scalar", 256))
	c.AttentionSoftCap = f.softCap("attn_logit_softcapping", 50)
	c.FinalSoftCap = f.softCap("final_logit_softcapping", 30)
	c.Windows = f.windows(c.Layers, f.windowSize(4096), func(layer int) bool { return layer%2 == 0 })
	c.Activation = f.activation("hidden_activation", GELUTanh)
	c.Block.addOutputNorms()
	return c
}

// addOutputNorms names the four norms of a block of Gemma 2 and 3.
func (b *Block) addOutputNorms() {
	b.AttentionNorm, b.PostAttentionNorm = "input_layernorm", "post_attention_layernorm"
	b.FeedForwardNorm, b.PostFeedForwardNorm = "pre_feedforward_layernorm", "post_feedforward_layernorm"
}
