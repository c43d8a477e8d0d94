package oracle

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/shannon-labs/scu/trainer/weights"
)

func TestModelsOpenAndTheirTokenizersDiffer(t *testing.T) {
	t.Parallel()
	tied := []string{"tied", "qwen2", "gemma", "gemma2", "gemma3", "gpt2"}
	for _, name := range Names {
		c := Load(t, name)
		model, err := weights.Open(c.ModelDirectory)
		if err != nil {
			t.Fatal(err)
		}
		defer model.Close()
		if model.Config.TieEmbeddings != slices.Contains(tied, name) || model.ChatTemplate() == "" {
			t.Errorf("%s: %+v, template %q", name, model.Config, model.ChatTemplate())
		}
		if got := model.SpecialTokens(); got != (weights.SpecialTokens{BOS: 0, EOS: 2, BOSToken: "<|endoftext|>", EOSToken: "<|im_end|>"}) {
			t.Errorf("%s: special tokens are %+v", name, got)
		}
		tokenizer, err := model.Tokenizer()
		if err != nil {
			t.Fatal(err)
		}
		wantLength := 1
		if name == "tied" {
			wantLength = 2 // its tokenizer puts BOS in front
		}
		if got := tokenizer.Encode("a", true); len(got) != wantLength {
			t.Errorf("%s: \"a\" became %v", name, got)
		}
		if padding := model.Config.Vocab - tokenizer.Size(); (padding > 0) != (name == "qwen2") {
			t.Errorf("%s: the embedding has %d rows more than the tokenizer has tokens", name, padding)
		}
	}
}

// Both spellings of a model name the family, and the older has nothing of the newer's.
func TestModelsAreSpelledInTwoWays(t *testing.T) {
	t.Parallel()
	for _, name := range Names {
		c := Load(t, name)
		newer := readJSON(t, filepath.Join(c.ModelDirectory, "config.json"))
		older := readJSON(t, filepath.Join(c.OlderModelDirectory, "config.json"))
		if c.Family == "" || newer["model_type"] != c.Family || older["model_type"] != c.Family {
			t.Errorf("%s: the family is %q, the configurations say %v and %v", name, c.Family, newer["model_type"], older["model_type"])
		}
		for _, key := range []string{"rope_parameters", "layer_types", "dtype"} {
			if value, ok := older[key]; ok {
				t.Errorf("%s: the older configuration has %q: %v", name, key, value)
			}
		}
		if _, rotary := newer["rope_parameters"]; rotary == (c.Family == "gpt2") || newer["dtype"] != "float32" {
			t.Errorf("%s: the newer configuration is %v", name, newer)
		}
		for _, file := range []string{"model.safetensors", "tokenizer.json", "tokenizer_config.json"} {
			for _, directory := range []string{c.ModelDirectory, c.OlderModelDirectory} {
				if _, err := os.Stat(filepath.Join(directory, file)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}

func readJSON(t *testing.T, path string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return object
}
