package weights

import (
	"strings"
	"testing"
)

const minimalConfig = `{"model_type":"llama","vocab_size":32,"hidden_size":16,"intermediate_size":24,"num_hidden_layers":2,"num_attention_heads":4`

func TestConfigJSON(t *testing.T) {
	t.Parallel()
	base := Config{
		Architecture: "llama", Layers: 2, Hidden: 16, Heads: 4, KVHeads: 4, HeadDim: 4, Intermediate: 24, Vocab: 32,
		ContextLength: 2048, RopeTheta: 10000, NormEpsilon: 1e-6,
	}
	with := func(change func(*Config)) Config { c := base; change(&c); return c }
	for _, test := range []struct {
		name, fields string
		want         Config
	}{
		{"defaults of transformers", ``, base},
		{"nulls are absent", `,"head_dim":null,"num_key_value_heads":null,"rope_scaling":null,"rope_parameters":null,"quantization_config":null`, base},
		{"older rope_theta", `,"rope_theta":5e5`, with(func(c *Config) { c.RopeTheta = 5e5 })},
		{"rope_parameters", `,"rope_theta":1,"rope_parameters":{"rope_theta":1e5,"rope_type":"default"}`, with(func(c *Config) { c.RopeTheta = 1e5 })},
		{"rope_parameters without theta", `,"rope_theta":7,"rope_parameters":{"rope_type":"default"}`, with(func(c *Config) { c.RopeTheta = 7 })},
		{"default scaling", `,"rope_scaling":{"type":"default"}`, base},
		{"head_dim apart from hidden/heads", `,"head_dim":10`, with(func(c *Config) { c.HeadDim = 10 })},
		{"the rest", `,"num_key_value_heads":2,"max_position_embeddings":99,"rms_norm_eps":1e-5,"tie_word_embeddings":true,"hidden_act":"silu"`,
			with(func(c *Config) { c.KVHeads, c.ContextLength, c.NormEpsilon, c.TieEmbeddings = 2, 99, 1e-5, true })},
	} {
		got, _, err := parseConfigJSON([]byte(minimalConfig + test.fields + "}"))
		if err != nil || got != test.want {
			t.Errorf("%s: got  %+v %v\nwant %+v", test.name, got, err, test.want)
		}
	}
}

func TestConfigJSONWithClassNameOnly(t *testing.T) {
	t.Parallel()
	text := strings.Replace(minimalConfig, `"model_type":"llama"`, `"architectures":["LlamaForCausalLM"]`, 1) + "}"
	if config, _, err := parseConfigJSON([]byte(text)); err != nil || config.Architecture != "llama" {
		t.Errorf("got %q, %v", config.Architecture, err)
	}
}

func TestUnsupportedConfigJSONIsRefused(t *testing.T) {
	t.Parallel()
	for fields, want := range map[string]string{
		`,"model_type":"gemma3_text"`:                                  `the model type "gemma3_text" is not supported; supported: llama`,
		`,"model_type":""`:                                             "not a model's config.json",
		`,"architectures":["LlamaForSequenceClassification"]`:          `the architecture "LlamaForSequenceClassification" is not supported; supported: LlamaForCausalLM`,
		`,"hidden_act":"gelu"`:                                         `"hidden_act" is "gelu"`,
		`,"attention_bias":true`:                                       `"attention_bias" is true`,
		`,"mlp_bias":true`:                                             `"mlp_bias" is true`,
		`,"quantization_config":{"quant_method":"gptq"}`:               `quant_method "gptq"`,
		`,"rope_scaling":{"rope_type":"llama3","factor":8}`:            `"rope_scaling" has the type "llama3"`,
		`,"rope_scaling":{"type":"linear","factor":2}`:                 `"rope_scaling" has the type "linear"`,
		`,"rope_parameters":{"rope_type":"yarn","rope_theta":1}`:       `"rope_parameters" has the type "yarn"`,
		`,"rope_parameters":{"partial_rotary_factor":0.5}`:             "partial_rotary_factor 0.5",
		`,"hidden_size":null`:                                          `"hidden_size" is missing`,
		`,"hidden_size":"16"`:                                          "hidden_size",
		`,"hidden_size":18`:                                            "not a multiple of num_attention_heads 4, and head_dim is missing",
		`,"num_hidden_layers":0`:                                       "the number of layers is 0",
		`,"num_hidden_layers":1000000000`:                              "the number of layers is 1000000000",
		`,"num_attention_heads":0`:                                     "the number of attention heads is 0",
		`,"num_key_value_heads":3`:                                     "4 attention heads are not a multiple of 3",
		`,"head_dim":5`:                                                "the head dimension 5 is odd",
		`,"head_dim":16777216`:                                         "attention width above",
		`,"vocab_size":-1`:                                             "the vocabulary size is -1",
		`,"rms_norm_eps":0`:                                            "want both above 0",
		`,"eos_token_id":"</s>"`:                                       "a token id is neither",
		`,"hidden_size":16`[:10] /* a file cut in the middle of it */ : "not a model configuration",
	} {
		_, _, err := parseConfigJSON([]byte(minimalConfig + fields + "}"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", fields, err, want)
		}
	}
}

// SmolLM2-135M has 134,515,008 parameters, by PyTorch's own count of its weights.
func TestParameters(t *testing.T) {
	t.Parallel()
	smollm2 := Config{Layers: 30, Hidden: 576, Heads: 9, KVHeads: 3, HeadDim: 64, Intermediate: 1536, Vocab: 49152, TieEmbeddings: true}
	if got := smollm2.Parameters(); got != 134_515_008 {
		t.Errorf("got %d", got)
	}
	smollm2.TieEmbeddings = false
	if got := smollm2.Parameters(); got != 134_515_008+49152*576 {
		t.Errorf("untied: got %d", got)
	}
}

func FuzzConfigJSON(f *testing.F) {
	f.Add([]byte(minimalConfig + `,"rope_parameters":{"rope_theta":1e5},"eos_token_id":[1,2],"quantization_config":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		config, _, err := parseConfigJSON(text)
		if err == nil && (config.Parameters() < 1 || config.Heads%config.KVHeads != 0) {
			t.Errorf("accepted %+v", config)
		}
	})
}
