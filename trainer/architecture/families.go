package architecture

import (
	"maps"
	"slices"
)

// family is what a model type of config.json stands for.
type family struct {
	// class is the causal language model's class name in "architectures".
	class string
	// read fills in a Config from the fields of a config.json.
	read func(*fields) Config
}

var families = map[string]family{
	"gemma":       {"GemmaForCausalLM", gemma},
	"gemma2":      {"Gemma2ForCausalLM", gemma2},
	"gemma3_text": {"Gemma3ForCausalLM", gemma3Text},
	"gpt2":        {"GPT2LMHeadModel", gpt2},
	"gpt_neox":    {"GPTNeoXForCausalLM", gptNeoX},
	"llama":       {"LlamaForCausalLM", llama},
	"mistral":     {"MistralForCausalLM", mistral},
	"phi3":        {"Phi3ForCausalLM", phi3},
	"qwen2":       {"Qwen2ForCausalLM", qwen2},
	"qwen3":       {"Qwen3ForCausalLM", qwen3},
}

// Families lists the supported model types.
func Families() []string { return slices.Sorted(maps.Keys(families)) }

// familyOfClass returns the model type whose causal language model has this class name, or "".
func familyOfClass(class string) string {
	for modelType, family := range families {
		if family.class == class {
			return modelType
		}
	}
	return ""
}

// classes lists the class names of the supported model types.
func classes() []string {
	var names []string
	for _, modelType := range Families() {
		names = append(names, families[modelType].class)
	}
	return names
}
