package architecture

// qwen3 is Qwen 3 (dense): Qwen 2 without biases, with a norm on each query and key head, and heads of a width of their own.
func qwen3(f *fields) Config {
	c := f.qwen()
	c.HeadDim = f.integerOr("head_dim", 128)
	f.qwenAttention(&c)
	bias := f.boolOr("attention_bias", false)
	c.Block = gatedBlock(c, bias, bias, false)
	c.Block.QueryNorm, c.Block.KeyNorm = "self_attn.q_norm", "self_attn.k_norm"
	return c
}
