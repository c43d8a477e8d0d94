package weights

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shannon-labs/scu/trainer/architecture"
)

// ggufFamily is how llama.cpp stores the models of one value of "general.architecture".
type ggufFamily struct {
	modelType string // of the config.json that the same model has
	// modules maps a module's path inside a block to llama.cpp's name for it.
	modules map[string]string
	// interleaved says that rows of query and key weights lie in rotary order: see storedTensor.canonicalRow.
	interleaved bool
	// wholeGains says that norm gains are stored with the 1 that config.json's family leaves off.
	wholeGains bool
	// describe adds to the config.json what is particular to the family.
	describe func(f *ggufFields, description map[string]any)
}

var ggufFamilies = map[string]ggufFamily{
	"llama":  {modelType: "llama", modules: ggufModules(nil), interleaved: true},
	"qwen2":  {modelType: "qwen2", modules: ggufModules(nil)},
	"qwen3":  {modelType: "qwen3", modules: ggufModules(ggufHeadNorms)},
	"gemma3": {modelType: "gemma3_text", modules: ggufModules(ggufGemma3Norms), wholeGains: true, describe: describeGemma3},
}

func supportedGGUF() string {
	return strings.Join(slices.Sorted(maps.Keys(ggufFamilies)), ", ")
}

// ggufModules are the names of the modules that all these families have, with those that differ or come besides.
func ggufModules(different map[string]string) map[string]string {
	modules := map[string]string{
		"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
		"self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
		"mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
	}
	maps.Copy(modules, different)
	return modules
}

var ggufHeadNorms = map[string]string{"self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm"}

var ggufGemma3Norms = map[string]string{
	"self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm", "post_attention_layernorm": "post_attention_norm",
	"pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm",
}

// gemma3LargestLayers is how many layers the 27B model has, by which llama.cpp knows it: its queries are scaled by the
// width that a head would have if the hidden size were shared out, and those of the others by the width that it has. The
// file does not say.
const gemma3LargestLayers = 62

func describeGemma3(f *ggufFields, description map[string]any) {
	description["sliding_window"] = f.required("attention.sliding_window")
	description["rope_local_base_freq"] = f.floatOr("rope.freq_base_swa", 10000)
	description["query_pre_attn_scalar"] = description["head_dim"]
	if description["num_hidden_layers"] == gemma3LargestLayers {
		description["query_pre_attn_scalar"] = f.required("embedding_length") / max(1, f.required("attention.head_count"))
	}
	if bound, present := f.number("final_logit_softcapping"); present {
		description["final_logit_softcapping"] = bound
	}
}

// names maps the names of a model's tensors to those of the file, and the names of those whose rows are in rotary order to
// the number of their heads.
func (f *ggufFamily) names(c *architecture.Config) (names map[string]string, rotaryHeads map[string]int) {
	names = map[string]string{
		c.Names.Embedding + ".weight": ggufEmbeddingName, c.Names.FinalNorm + ".weight": "output_norm.weight", c.Names.Head + ".weight": ggufHeadName,
	}
	rotaryHeads = map[string]int{}
	for layer := range c.Layers {
		for module, stored := range f.modules {
			for _, part := range []string{".weight", ".bias"} {
				names[c.Path(layer, module)+part] = fmt.Sprintf("blk.%d.%s%s", layer, stored, part)
			}
		}
		if f.interleaved {
			rotaryHeads[c.Path(layer, "self_attn.q_proj")+".weight"] = c.Heads
			rotaryHeads[c.Path(layer, "self_attn.k_proj")+".weight"] = c.KVHeads
		}
	}
	return names, rotaryHeads
}
