package architecture

// gatedBlock is the block that most families share: separate projections, and a gated feed-forward layer.
func gatedBlock(c Config, qkvBias, outputBias, feedForwardBias bool) Block {
	query, keyValue := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	return Block{
		AttentionNorm: "input_layernorm", FeedForwardNorm: "post_attention_layernorm",
		QueryKeyValue: []Linear{
			{Name: "self_attn.q_proj", In: c.Hidden, Out: query, Bias: qkvBias},
			{Name: "self_attn.k_proj", In: c.Hidden, Out: keyValue, Bias: qkvBias},
			{Name: "self_attn.v_proj", In: c.Hidden, Out: keyValue, Bias: qkvBias},
		},
		Output: Linear{Name: "self_attn.o_proj", In: query, Out: c.Hidden, Bias: outputBias},
		Gated:  true,
		GateUp: []Linear{
			{Name: "mlp.gate_proj", In: c.Hidden, Out: c.Intermediate, Bias: feedForwardBias},
			{Name: "mlp.up_proj", In: c.Hidden, Out: c.Intermediate, Bias: feedForwardBias},
		},
		Down: Linear{Name: "mlp.down_proj", In: c.Intermediate, Out: c.Hidden, Bias: feedForwardBias},
	}
}
