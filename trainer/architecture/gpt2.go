package architecture

// gpt2 is GPT-2 and DialoGPT: learned positions, LayerNorm, biases everywhere, and linear weights stored as [in, out].
//
// reorder_and_upcast_attn, which the files may have, changes the order and the precision of the same arithmetic only.
func gpt2(f *fields) Config {
	f.refuse("add_cross_attention", "scale_attn_by_inverse_layer_idx")
	c := Config{
		Vocab: f.integer("vocab_size"), Hidden: f.integer("n_embd"), Layers: f.integer("n_layer"), Heads: f.integer("n_head"),
		ContextLength: f.integerOr("n_positions", 1024), LearnedPositions: true, EmbeddingScale: 1, AttentionScale: 1,
		Norm:          Norm{Kind: LayerNorm, Epsilon: f.numberOr("layer_norm_epsilon", 1e-5)},
		Activation:    f.activation("activation_function", GELUTanh),
		TieEmbeddings: f.boolOr("tie_word_embeddings", true),
		Names: Names{
			Embedding: "transformer.wte", Positions: "transformer.wpe", Layers: "transformer.h", FinalNorm: "transformer.ln_f", Head: "lm_head",
		},
	}
	c.KVHeads = c.Heads
	c.HeadDim = f.sharedHeadDim(c)
	c.Intermediate = f.integerOr("n_inner", 4*c.Hidden)
	if f.boolOr("scale_attn_weights", true) {
		c.AttentionScale = inverseRoot(float64(c.HeadDim))
	}
	convolution := func(name string, in, out int) Linear {
		return Linear{Name: name, In: in, Out: out, Bias: true, Transposed: true}
	}
	c.Block = Block{
		AttentionNorm: "ln_1", FeedForwardNorm: "ln_2",
		QueryKeyValue: []Linear{convolution("attn.c_attn", c.Hidden, 3*c.Hidden)},
		Output:        convolution("attn.c_proj", c.Hidden, c.Hidden),
		GateUp:        []Linear{convolution("mlp.c_fc", c.Hidden, c.Intermediate)},
		Down:          convolution("mlp.c_proj", c.Intermediate, c.Hidden),
	}
	return c
}
