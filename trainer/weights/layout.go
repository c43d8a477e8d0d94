package weights

import "fmt"

// tensorLayout is one tensor that a model must have.
type tensorLayout struct {
	name     string // canonical (Hugging Face) name
	ggufName string
	shape    []int
	// rotaryHeads is the number of heads whose rows GGUF stores in interleaved rotary order; 0 for other tensors.
	rotaryHeads int
}

// Canonical names that are not part of a layer.
const (
	embeddingName = "model.embed_tokens.weight"
	finalNormName = "model.norm.weight"
	headName      = "lm_head.weight"
)

// layout lists every tensor of the model in canonical order: embedding, layers from the first, final norm, head (when
// it is not tied). Shapes are [out, in] for linear layers, [vocab, hidden] for the embedding and the head.
func (c Config) layout() []tensorLayout {
	tensors := []tensorLayout{{name: embeddingName, ggufName: "token_embd.weight", shape: []int{c.Vocab, c.Hidden}}}
	for layer := range c.Layers {
		tensors = append(tensors, c.layerLayout(layer)...)
	}
	tensors = append(tensors, tensorLayout{name: finalNormName, ggufName: "output_norm.weight", shape: []int{c.Hidden}})
	if !c.TieEmbeddings {
		tensors = append(tensors, tensorLayout{name: headName, ggufName: "output.weight", shape: []int{c.Vocab, c.Hidden}})
	}
	return tensors
}

func (c Config) layerLayout(layer int) []tensorLayout {
	query, keyValue := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	tensors := []tensorLayout{
		{name: "input_layernorm", ggufName: "attn_norm", shape: []int{c.Hidden}},
		{name: "self_attn.q_proj", ggufName: "attn_q", shape: []int{query, c.Hidden}, rotaryHeads: c.Heads},
		{name: "self_attn.k_proj", ggufName: "attn_k", shape: []int{keyValue, c.Hidden}, rotaryHeads: c.KVHeads},
		{name: "self_attn.v_proj", ggufName: "attn_v", shape: []int{keyValue, c.Hidden}},
		{name: "self_attn.o_proj", ggufName: "attn_output", shape: []int{c.Hidden, query}},
		{name: "post_attention_layernorm", ggufName: "ffn_norm", shape: []int{c.Hidden}},
		{name: "mlp.gate_proj", ggufName: "ffn_gate", shape: []int{c.Intermediate, c.Hidden}},
		{name: "mlp.up_proj", ggufName: "ffn_up", shape: []int{c.Intermediate, c.Hidden}},
		{name: "mlp.down_proj", ggufName: "ffn_down", shape: []int{c.Hidden, c.Intermediate}},
	}
	for i := range tensors {
		tensors[i].name = fmt.Sprintf("model.layers.%d.%s.weight", layer, tensors[i].name)
		tensors[i].ggufName = fmt.Sprintf("blk.%d.%s.weight", layer, tensors[i].ggufName)
	}
	return tensors
}
