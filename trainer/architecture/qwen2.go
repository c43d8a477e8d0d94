package architecture

// qwen2 is Qwen 2 and 2.5: Llama with biases on queries, keys and values, and windows in the upper layers where they are
// in use.
func qwen2(f *fields) Config {
	c := f.qwen()
	c.HeadDim = f.headDim(c)
	f.qwenAttention(&c)
	c.Block = gatedBlock(c, true, false, false)
	return c
}

// qwen reads what Qwen 2 and 3 have in common, but for the width of a head.
func (f *fields) qwen() Config {
	c := f.decoder("rms_norm_eps", 1e-6, 32768)
	c.KVHeads = f.keyValueHeads(c, 32)
	c.Activation = f.activation("hidden_act", SiLU)
	c.TieEmbeddings = f.boolOr("tie_word_embeddings", false)
	size := 0
	if f.boolOr("use_sliding_window", false) {
		size = f.windowSize(4096)
	}
	full := f.integerOr("max_window_layers", 28) // this many layers, from the first, have no window in spite of the name
	c.Windows = f.windows(c.Layers, size, func(layer int) bool { return layer >= full })
	return c
}

func (f *fields) qwenAttention(c *Config) {
	c.Rotary = f.rotary(c.HeadDim, c.ContextLength)
	c.AttentionScale = inverseRoot(float64(c.HeadDim))
}
