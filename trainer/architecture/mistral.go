package architecture

// mistral is Mistral 7B and its successors: Llama with fewer key/value heads and, in the first versions, one window for
// every layer.
func mistral(f *fields) Config {
	c := f.decoder("rms_norm_eps", 1e-6, 131072)
	c.KVHeads = f.keyValueHeads(c, 8)
	c.HeadDim = f.headDim(c)
	c.Rotary = f.rotary(c.HeadDim, c.ContextLength)
	c.AttentionScale = inverseRoot(float64(c.HeadDim))
	c.Windows = f.sameWindows(c.Layers, f.windowSize(4096))
	c.Activation = f.activation("hidden_act", SiLU)
	c.TieEmbeddings = f.boolOr("tie_word_embeddings", false)
	c.Block = gatedBlock(c, false, false, false)
	return c
}
