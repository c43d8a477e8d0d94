package architecture

// llama is Llama 1 to 3 and what was built like them.
func llama(f *fields) Config {
	c := f.decoder("rms_norm_eps", 1e-6, 2048)
	c.KVHeads = f.keyValueHeads(c, 0)
	c.HeadDim = f.headDim(c)
	c.Rotary = f.rotary(c.HeadDim, c.ContextLength)
	c.AttentionScale = inverseRoot(float64(c.HeadDim))
	c.Windows = f.sameWindows(c.Layers, 0)
	c.Activation = f.activation("hidden_act", SiLU)
	c.TieEmbeddings = f.boolOr("tie_word_embeddings", false)
	attentionBias := f.boolOr("attention_bias", false)
	c.Block = gatedBlock(c, attentionBias, attentionBias, f.boolOr("mlp_bias", false))
	return c
}
