package architecture

import (
	"reflect"
	"strings"
	"testing"
)

const minimalLlama = `{"model_type":"llama","vocab_size":32,"hidden_size":16,"intermediate_size":24,"num_hidden_layers":2,"num_attention_heads":4`

// minimal are the sizes that a family's config.json must have; everything else has a default.
func minimal(modelType string) string {
	if modelType == "gpt2" {
		return `{"model_type":"gpt2","vocab_size":32,"n_embd":16,"n_layer":2,"n_head":4`
	}
	text := strings.Replace(minimalLlama, "llama", modelType, 1)
	if modelType == "gpt_neox" {
		text += `,"rotary_pct":0.5` // a quarter of so small a head is no pair
	}
	return text
}

func parse(t *testing.T, text string) Config {
	t.Helper()
	config, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func TestFieldsOfLlama(t *testing.T) {
	t.Parallel()
	plain := func(hidden, keyValue, headDim int) Config {
		c := Config{
			Family: "llama", Layers: 2, Hidden: hidden, Heads: 4, KVHeads: keyValue, HeadDim: headDim, Intermediate: 24, Vocab: 32,
			ContextLength: 2048, EmbeddingScale: 1, Rotary: NewRotary(headDim, 10000), Norm: Norm{Kind: RMSNorm, Epsilon: 1e-6},
			AttentionScale: inverseRoot(float64(headDim)), Activation: SiLU,
			Names: Names{Embedding: "model.embed_tokens", Layers: "model.layers", FinalNorm: "model.norm", Head: "lm_head"},
		}
		c.Block = gatedBlock(c, false, false, false)
		return c
	}
	base := plain(16, 4, 4)
	with := func(c Config, change func(*Config)) Config { change(&c); return c }
	theta := func(theta float64) Config {
		return with(base, func(c *Config) { c.Rotary = NewRotary(4, theta) })
	}
	for _, test := range []struct {
		name, fields string
		want         Config
	}{
		{"defaults of transformers", ``, base},
		{"nulls are absent", `,"head_dim":null,"num_key_value_heads":null,"rope_scaling":null,"rope_parameters":null,"quantization_config":null`, base},
		{"older rope_theta", `,"rope_theta":5e5`, theta(5e5)},
		{"rope_parameters", `,"rope_theta":1,"rope_parameters":{"rope_theta":1e5,"rope_type":"default"}`, theta(1e5)},
		{"rope_parameters without theta", `,"rope_theta":7,"rope_parameters":{"rope_type":"default"}`, theta(7)},
		{"rope_scaling before rope_parameters", `,"rope_theta":7,"rope_scaling":{"type":"default","rope_theta":9},"rope_parameters":{"rope_theta":8}`, theta(9)},
		{"default scaling", `,"rope_scaling":{"type":"default"}`, base},
		{"linear scaling", `,"rope_scaling":{"type":"linear","factor":4}`, with(base, func(c *Config) { c.Rotary = Rotary{[]float64{0.25, 0.0025}} })},
		{"head_dim apart from hidden/heads", `,"head_dim":10`, plain(16, 4, 10)},
		{"biases", `,"attention_bias":true,"mlp_bias":true`, with(base, func(c *Config) { c.Block = gatedBlock(*c, true, true, true) })},
		{"full layer_types", `,"layer_types":["full_attention","full_attention"]`, base},
		{"the rest", `,"num_key_value_heads":2,"max_position_embeddings":99,"rms_norm_eps":1e-5,"tie_word_embeddings":true,"hidden_act":"gelu"`,
			with(plain(16, 2, 4), func(c *Config) {
				c.ContextLength, c.Norm.Epsilon, c.TieEmbeddings, c.Activation = 99, 1e-5, true, GELU
			})},
	} {
		if got := parse(t, minimalLlama+test.fields+"}"); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got  %+v\nwant %+v", test.name, got, test.want)
		}
	}
}

func TestTheClassNameStandsInForTheModelType(t *testing.T) {
	t.Parallel()
	for modelType, family := range families {
		text := strings.Replace(minimal(modelType), `"model_type":"`+modelType+`"`, `"architectures":["`+family.class+`"]`, 1)
		text += `,"num_key_value_heads":4,"head_dim":4}`
		if got := parse(t, text).Family; got != modelType {
			t.Errorf("%s is taken for %q", family.class, got)
		}
	}
}

func TestWhatIsNotSupportedIsRefusedByName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ modelType, fields, want string }{
		{"llama", `,"model_type":"mixtral"`, `the model type "mixtral" is not supported; supported: gemma, gemma2, gemma3_text, gpt2, gpt_neox, llama, mistral, phi3, qwen2, qwen3`},
		{"llama", `,"model_type":"gemma3","architectures":["Gemma3ForConditionalGeneration"],"text_config":{}`, `the model type "gemma3" is not supported`},
		{"llama", `,"model_type":"gemma3","text_config":{}`, `"text_config" describes a text model`},
		{"llama", `,"model_type":""`, "not a model's config.json"},
		{"llama", `,"architectures":["LlamaForSequenceClassification"]`, `the architecture "LlamaForSequenceClassification" is not supported; supported: GemmaForCausalLM, Gemma2`},
		{"llama", `,"architectures":"LlamaForCausalLM"`, `"architectures" is "LlamaForCausalLM"; it must be a list`},
		{"llama", `,"hidden_act":"relu"`, `"hidden_act" is "relu"`},
		{"llama", `,"quantization_config":{"quant_method":"gptq"}`, `quant_method "gptq"`},
		{"llama", `,"hidden_size":null`, `"hidden_size" is missing`},
		{"llama", `,"hidden_size":"16"`, `"hidden_size" is "16"; it must be a whole number`},
		{"llama", `,"hidden_size":1.5`, `"hidden_size" is 1.5; it must be a whole number`},
		{"llama", `,"hidden_size":18`, "the hidden size 18 is not a multiple of the 4 attention heads, and head_dim is missing"},
		{"llama", `,"num_hidden_layers":0`, "the number of layers is 0"},
		{"llama", `,"num_hidden_layers":1000000000`, "the number of layers is 1000000000"},
		{"llama", `,"num_attention_heads":0`, "the number of attention heads is 0"},
		{"llama", `,"num_key_value_heads":3`, "4 attention heads are not a multiple of 3"},
		{"llama", `,"head_dim":5`, "positions turn 5 elements of the head dimension 5"},
		{"llama", `,"head_dim":16777216`, "the head dimension is 16777216"},
		{"llama", `,"head_dim":32768,"num_attention_heads":1024`, "attention width above"},
		{"llama", `,"vocab_size":-1`, "the vocabulary size is -1"},
		{"llama", `,"rms_norm_eps":0`, "the norm epsilon is 0"},
		{"llama", `,"layer_types":["full_attention","sliding_attention"]`, `layer 1 is "sliding_attention"`},

		{"llama", `,"rope_theta":0`, "the rope theta is 0"},
		{"llama", `,"rope_parameters":{"rope_type":"yarn","rope_theta":1}`, `"rope_parameters" has the type "yarn", which is not supported; supported: default, linear, llama3`},
		{"llama", `,"rope_scaling":{"rope_type":"dynamic","factor":2}`, `"rope_scaling" has the type "dynamic"`},
		{"llama", `,"rope_scaling":{"rope_type":"linear","type":"dynamic","factor":2}`, `the rope_type "linear" and the type "dynamic"`},
		{"llama", `,"rope_scaling":{"type":"linear"}`, `"rope_scaling" lacks "factor"`},
		{"llama", `,"rope_scaling":{"type":"linear","factor":-1}`, "has the factor -1"},
		{"llama", `,"rope_scaling":{"rope_type":"llama3","factor":8,"high_freq_factor":4}`, `lacks "low_freq_factor"`},
		{"llama", `,"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4}`, "the first must be the smaller"},
		{"llama", `,"rope_scaling":[]`, `"rope_scaling"`},
		{"llama", `,"rope_parameters":{"partial_rotary_factor":0.5}`, "partial_rotary_factor is 0.5"},
		{"llama", `,"partial_rotary_factor":0.5`, "partial_rotary_factor is 0.5"},
		{"qwen2", `,"num_key_value_heads":4,"layer_types":["full_attention","full_attention"],"rope_parameters":{"full_attention":{"rope_theta":1}}`,
			`"rope_parameters" differs by the type of the layer`},

		{"mistral", `,"num_key_value_heads":4,"sliding_window":0`, `"sliding_window" is 0`},
		{"mistral", `,"num_key_value_heads":4,"layer_types":["full_attention","full_attention"]`, "every layer of this model type has the window"},
		{"mistral", `,"num_key_value_heads":4,"layer_types":["full_attention","sliding_attention"]`, "every layer of this model type has the window"},
		{"mistral", ``, "4 attention heads are not a multiple of 8"},
		{"qwen2", `,"num_key_value_heads":4,"layer_types":["full_attention"]`, `"layer_types" has 1 entries for 2 layers`},
		{"qwen2", `,"num_key_value_heads":4,"layer_types":["full_attention","linear_attention"]`, `layer 1 is "linear_attention" by "layer_types", which is not supported`},
		{"qwen2", `,"num_key_value_heads":4,"layer_types":["full_attention","sliding_attention"]`, `no "sliding_window" is in use`},
		{"gemma", `,"num_key_value_heads":4,"hidden_act":"silu"`, `"hidden_act" is "silu", which is not supported for gemma`},
		{"gemma", `,"num_key_value_heads":4,"use_bidirectional_attention":true`, `"use_bidirectional_attention" is true`},
		{"gemma2", `,"final_logit_softcapping":-1`, `"final_logit_softcapping" is -1`},
		{"gemma2", `,"query_pre_attn_scalar":0`, "the attention scale is +Inf"},
		{"gemma3_text", `,"attn_logit_softcapping":50`, `"attn_logit_softcapping" is set`},
		{"gemma3_text", `,"sliding_window_pattern":0`, `"sliding_window_pattern" is 0`},
		{"gemma3_text", `,"rope_parameters":{"rope_theta":10000}`, `"rope_parameters" has the member "rope_theta"`},
		{"gemma3_text", `,"rope_parameters":{"full_attention":{"rope_type":"yarn"}}`, `has the type "yarn"`},
		{"phi3", `,"rope_scaling":{"type":"su"}`, `"rope_scaling" has the type "su", which is not supported; supported: default`},
		{"phi3", `,"rope_scaling":{"type":"longrope"}`, `"rope_scaling" has the type "longrope"`},
		{"phi3", `,"partial_rotary_factor":1.5`, "the share of a head that turns is 1.5"},
		{"gpt2", `,"n_embd":null`, `"n_embd" is missing`},
		{"gpt2", `,"n_embd":18`, "is not a multiple"},
		{"gpt2", `,"scale_attn_by_inverse_layer_idx":true`, `"scale_attn_by_inverse_layer_idx" is true`},
		{"gpt2", `,"add_cross_attention":true`, `"add_cross_attention" is true`},
		{"gpt_neox", `,"rotary_pct":0.1`, "positions turn 0 elements"},
	} {
		_, err := Parse([]byte(minimal(test.modelType) + test.fields + "}"))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s%s: got %v, want an error with %q", test.modelType, test.fields, err, test.want)
		}
	}
	for _, text := range []string{"", "[]", "null", minimalLlama} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestInterleavedHeadsHaveAKeyAndAValueEach(t *testing.T) {
	t.Parallel()
	c := parse(t, minimal("gpt_neox")+"}")
	if c.KVHeads = 2; c.Validate() == nil || !strings.Contains(c.Validate().Error(), "interleaved heads") {
		t.Errorf("4 interleaved heads with 2 key/value heads: %v", c.Validate())
	}
}

func FuzzParse(f *testing.F) {
	for modelType := range families {
		f.Add([]byte(minimal(modelType) + `,"num_key_value_heads":2,"head_dim":4,"rope_parameters":{"rope_theta":1e5},"sliding_window":3,"quantization_config":null}`))
	}
	f.Add([]byte(minimalLlama + `,"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":64}}`))
	f.Add([]byte(minimal("gemma3_text") + `,"layer_types":["sliding_attention","full_attention"],"rope_parameters":{"full_attention":{"rope_type":"linear","factor":2}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		config, err := Parse(text)
		if err != nil {
			return
		}
		if config.Parameters() < 1 || config.Heads%config.KVHeads != 0 {
			t.Errorf("accepted %+v", config)
		}
		for _, module := range config.Modules() {
			if module.In < 1 || module.Out < 1 || module.Name == "" {
				t.Errorf("accepted the module %+v", module)
			}
		}
	})
}
