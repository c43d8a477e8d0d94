package architecture

// gptNeoX is GPT-NeoX and Pythia: LayerNorm, one projection whose rows lie head by head, positions that turn a part of
// each head, and attention beside the feed-forward layer rather than before it.
func gptNeoX(f *fields) Config {
	c := f.decoder("layer_norm_eps", 1e-5, 2048)
	c.Norm.Kind = LayerNorm
	c.KVHeads = c.Heads
	c.HeadDim = f.sharedHeadDim(c)
	c.Rotary = f.partialRotary("rotary_emb_base", "rotary_pct", 0.25, c.HeadDim, c.ContextLength, ropeDefault, ropeLinear, ropeLlama3)
	c.AttentionScale = inverseRoot(float64(c.HeadDim))
	c.Windows = f.sameWindows(c.Layers, 0)
	c.Activation = f.activation("hidden_act", GELU)
	c.TieEmbeddings = f.boolOr("tie_word_embeddings", false)
	c.Names = Names{Embedding: "gpt_neox.embed_in", Layers: "gpt_neox.layers", FinalNorm: "gpt_neox.final_layer_norm", Head: "embed_out"}
	bias := f.boolOr("attention_bias", true)
	c.Block = Block{
		AttentionNorm: "input_layernorm", FeedForwardNorm: "post_attention_layernorm",
		QueryKeyValue:    []Linear{{Name: "attention.query_key_value", In: c.Hidden, Out: 3 * c.Hidden, Bias: bias}},
		InterleavedHeads: true,
		Output:           Linear{Name: "attention.dense", In: c.Hidden, Out: c.Hidden, Bias: bias},
		GateUp:           []Linear{{Name: "mlp.dense_h_to_4h", In: c.Hidden, Out: c.Intermediate, Bias: true}},
		Down:             Linear{Name: "mlp.dense_4h_to_h", In: c.Intermediate, Out: c.Hidden, Bias: true},
		Parallel:         f.boolOr("use_parallel_residual", true),
	}
	return c
}
