package architecture

// phi3 is Phi-3 and what was built like it (Phi-3.5, Phi-4) without longrope: Llama with one projection for queries, keys
// and values, one for gate and up, and positions that may turn a part of each head.
func phi3(f *fields) Config {
	c := f.decoder("rms_norm_eps", 1e-5, 4096)
	c.KVHeads = f.keyValueHeads(c, 0)
	c.HeadDim = f.headDim(c)
	c.Rotary = f.partialRotary("rope_theta", "partial_rotary_factor", 1, c.HeadDim, c.ContextLength, ropeDefault)
	c.AttentionScale = inverseRoot(float64(c.HeadDim))
	c.Windows = f.sameWindows(c.Layers, f.windowSize(0))
	c.Activation = f.activation("hidden_act", SiLU)
	c.TieEmbeddings = f.boolOr("tie_word_embeddings", false)
	query, keyValue := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	c.Block = Block{
		AttentionNorm: "input_layernorm", FeedForwardNorm: "post_attention_layernorm",
		QueryKeyValue: []Linear{{Name: "self_attn.qkv_proj", In: c.Hidden, Out: query + 2*keyValue}},
		Output:        Linear{Name: "self_attn.o_proj", In: query, Out: c.Hidden},
		Gated:         true,
		GateUp:        []Linear{{Name: "mlp.gate_up_proj", In: c.Hidden, Out: 2 * c.Intermediate}},
		Down:          Linear{Name: "mlp.down_proj", In: c.Intermediate, Out: c.Hidden},
	}
	return c
}
