package weights

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/trainer/architecture"
)

func TestShardedDirectoryGivesTransformersWeights(t *testing.T) {
	t.Parallel()
	model, err := Open(filepath.Join("testdata", "sharded"))
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	requireConfig(t, model, `{"model_type":"llama","num_hidden_layers":2,"hidden_size":16,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":6,
		"intermediate_size":24,"vocab_size":24,"max_position_embeddings":64,"rope_theta":12345,"rms_norm_eps":1e-5}`)
	if model.Format != FormatSafetensors {
		t.Errorf("the format is %q", model.Format)
	}
	expected := openExpected(t, "sharded.expected.safetensors")
	names := model.names
	if got := slices.Sorted(slices.Values(names)); !slices.Equal(got, expected.Names()) {
		t.Fatalf("names are %v, want %v", got, expected.Names())
	}
	for _, name := range names {
		requireSameTensor(t, model, expected, name)
	}
	// There is no tokenizer beside it: the ids come from config.json, whose eos_token_id is a list.
	if got := model.SpecialTokens(); got != (SpecialTokens{BOS: 1, EOS: 2}) {
		t.Errorf("special tokens are %+v", got)
	}
	if _, err := model.Tokenizer(); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "save_pretrained") {
		t.Errorf("the missing tokenizer gives %v", err)
	}
}

// tinyConfigJSON describes the directories that tests write.
const tinyConfigJSON = `{"model_type":"llama","vocab_size":5,"hidden_size":8,"intermediate_size":12,"num_hidden_layers":1,
	"num_attention_heads":2,"num_key_value_heads":1,"tie_word_embeddings":false,"bos_token_id":3,"eos_token_id":4}`

// tinyTensors are the tensors of tinyConfigJSON.
func tinyTensors(t *testing.T) []Tensor { return tensorsOf(t, tinyConfigJSON) }

// tensorsOf are the tensors of a config.json, filled with their index so that they differ.
func tensorsOf(t *testing.T, configJSON string) []Tensor {
	t.Helper()
	config, err := architecture.Parse([]byte(configJSON))
	if err != nil {
		t.Fatal(err)
	}
	var tensors []Tensor
	for i, listed := range config.Tensors() {
		size := 1
		for _, dimension := range listed.Shape {
			size *= dimension
		}
		data := make([]float32, size)
		for j := range data {
			data[j] = float32(i)
		}
		tensors = append(tensors, Tensor{Name: listed.Name, Shape: listed.Shape, Data: data})
	}
	return tensors
}

// writeDirectory writes a model directory of text files and, when there are any, tensors in model.safetensors.
func writeDirectory(t *testing.T, files map[string]string, tensors []Tensor) string {
	t.Helper()
	directory := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if tensors != nil {
		if err := WriteSafetensors(filepath.Join(directory, weightsFile), tensors, nil); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

func TestDirectoryProblemsAreNamed(t *testing.T) {
	t.Parallel()
	config := map[string]string{configFile: tinyConfigJSON}
	tiedConfig := map[string]string{configFile: strings.Replace(tinyConfigJSON, `"tie_word_embeddings":false`, `"tie_word_embeddings":true`, 1)}
	index := func(weightMap map[string]string) map[string]string {
		text, err := json.Marshal(map[string]any{"weight_map": weightMap})
		if err != nil {
			t.Fatal(err)
		}
		return map[string]string{configFile: tinyConfigJSON, weightsIndexFile: string(text)}
	}
	all := tinyTensors(t)
	wrongShape := slices.Clone(all)
	wrongShape[2] = Tensor{Name: all[2].Name, Shape: []int{8, 4}, Data: make([]float32, 32)}
	extra := append(slices.Clone(all), Tensor{Name: "model.layers.0.self_attn.q_proj.bias", Shape: []int{8}, Data: make([]float32, 8)})
	for _, test := range []struct {
		name    string
		files   map[string]string
		tensors []Tensor
		want    string
	}{
		{"nothing", nil, nil, "holds no model: looked for config.json"},
		{"no weights", config, nil, "neither model.safetensors nor model.safetensors.index.json"},
		{"no config", nil, all, "has weights but no config.json"},
		{"missing tensors", config, all[:7], "5 tensors are missing: model.layers.0.mlp.gate_proj.weight, model.layers.0.mlp.up_proj.weight"},
		{"wrong shape", config, wrongShape, `"model.layers.0.self_attn.q_proj.weight" has the shape [8 4], but the configuration makes it [8 8]`},
		{"bias", config, extra, "1 tensors have no place in the architecture: model.layers.0.self_attn.q_proj.bias"},
		{"tied with another head", tiedConfig, all, `"tie_word_embeddings" is true, but lm_head.weight differs`},
		{"empty index", index(nil), nil, `"weight_map" is missing or empty`},
		{"missing shard", index(map[string]string{"x": "a.safetensors"}), nil, "model.safetensors.index.json lists it, but it is not there"},
		{"shard outside", index(map[string]string{"x": "../a.safetensors"}), nil, "outside the directory"},
		{"damaged tokenizer_config", map[string]string{configFile: tinyConfigJSON, tokenizerConfigFile: "{"}, all, tokenizerConfigFile},
		{"unknown special token", map[string]string{configFile: tinyConfigJSON, tokenizerConfigFile: `{"eos_token":"</s>"}`,
			tokenizerFile: `{"model":{"vocab":{"a":0}}}`}, all, `eos_token: the token "</s>" is not in the vocabulary`},
		{"named templates", map[string]string{configFile: tinyConfigJSON, tokenizerConfigFile: `{"chat_template":[{"name":"rag","template":"x"}]}`},
			all, "without one named \"default\""},
	} {
		directory := writeDirectory(t, test.files, test.tensors)
		model, err := Open(directory)
		if err == nil {
			model.Close()
			t.Errorf("%s: opened", test.name)
			continue
		}
		if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), directory) {
			t.Errorf("%s: got %v, want an error with %q and the directory", test.name, err, test.want)
		}
	}
}

func TestIndexThatPutsATensorIntoTheWrongShardIsRefused(t *testing.T) {
	t.Parallel()
	directory := writeDirectory(t, map[string]string{
		configFile:       tinyConfigJSON,
		weightsIndexFile: `{"weight_map":{"model.norm.weight":"a.safetensors","lm_head.weight":"b.safetensors"}}`,
	}, nil)
	all := tinyTensors(t)
	for name, tensors := range map[string][]Tensor{"a.safetensors": all[:3], "b.safetensors": all[3:]} {
		if err := WriteSafetensors(filepath.Join(directory, name), tensors, nil); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Open(directory)
	if err == nil || !strings.Contains(err.Error(), `puts the tensor "model.norm.weight" into a.safetensors, but it is not there`) {
		t.Errorf("got %v", err)
	}
}

func TestADtypeThatIsNotReadIsRefused(t *testing.T) {
	t.Parallel()
	directory := writeDirectory(t, map[string]string{configFile: strings.Replace(tinyConfigJSON, `"vocab_size":5`, `"vocab_size":1`, 1)}, nil)
	header := `{"model.embed_tokens.weight":{"dtype":"F8_E4M3","shape":[1,8],"data_offsets":[0,8]}}`
	if err := os.WriteFile(filepath.Join(directory, weightsFile), safetensorsBytes(header, 8), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(directory)
	if err == nil || !strings.Contains(err.Error(), `tensor "model.embed_tokens.weight": the dtype "F8_E4M3" is not supported`) {
		t.Errorf("got %v", err)
	}
}

func TestMissingPathSaysWhatToDo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "nowhere")
	_, err := Open(path)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "scu setup") {
		t.Errorf("got %v", err)
	}
}

func TestOneFileOfADirectoryIsRefused(t *testing.T) {
	t.Parallel()
	directory := writeDirectory(t, map[string]string{configFile: tinyConfigJSON}, tinyTensors(t))
	for _, name := range []string{configFile, weightsFile} {
		if _, err := Open(filepath.Join(directory, name)); err == nil || !strings.Contains(err.Error(), "give the directory that it is in") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestHarmlessExtraTensorsAreAccepted(t *testing.T) {
	t.Parallel()
	tensors := append(tinyTensors(t), Tensor{Name: "model.layers.0.self_attn.rotary_emb.inv_freq", Shape: []int{2}, Data: make([]float32, 2)})
	for i := range tensors {
		if tensors[i].Name == "lm_head.weight" { // stored although tied, and the same as the embedding
			tensors[i].Data = tensors[0].Data
		}
	}
	tied := strings.Replace(tinyConfigJSON, `"tie_word_embeddings":false`, `"tie_word_embeddings":true`, 1)
	model, err := Open(writeDirectory(t, map[string]string{configFile: tied}, tensors))
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	if slices.Contains(model.names, "lm_head.weight") {
		t.Error("a tied head has a name of its own")
	}
}

func TestSpecialTokensAndChatTemplateOfADirectory(t *testing.T) {
	t.Parallel()
	const vocabulary = `{"added_tokens":[{"id":1,"content":"<s>"},{"id":2,"content":"</s>"}],"model":{"vocab":{"a":0,"b":3,"c":4}}}`
	fromConfig := SpecialTokens{BOS: 3, EOS: 4, BOSToken: "b", EOSToken: "c"}
	for _, test := range []struct {
		name         string
		files        map[string]string
		want         SpecialTokens
		wantTemplate string
	}{
		{"strings", map[string]string{tokenizerConfigFile: `{"bos_token":"<s>","eos_token":"</s>","chat_template":"T"}`},
			SpecialTokens{1, 2, "<s>", "</s>"}, "T"},
		{"objects and a list", map[string]string{tokenizerConfigFile: `{"bos_token":{"content":"<s>","lstrip":false},"eos_token":"c",
			"chat_template":[{"name":"tool_use","template":"U"},{"name":"default","template":"D"}]}`}, SpecialTokens{1, 4, "<s>", "c"}, "D"},
		{"null falls back to config.json", map[string]string{tokenizerConfigFile: `{"bos_token":null,"eos_token":"</s>","chat_template":null}`},
			SpecialTokens{3, 2, "b", "</s>"}, ""},
		{"no tokenizer_config.json", nil, fromConfig, ""},
		{"a template file wins", map[string]string{tokenizerConfigFile: `{"chat_template":"T"}`, chatTemplateFile: "F"}, fromConfig, "F"},
	} {
		files := map[string]string{configFile: tinyConfigJSON, tokenizerFile: vocabulary}
		for name, text := range test.files {
			files[name] = text
		}
		model, err := Open(writeDirectory(t, files, tinyTensors(t)))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got := model.SpecialTokens(); got != test.want {
			t.Errorf("%s: special tokens are %+v, want %+v", test.name, got, test.want)
		}
		if got := model.ChatTemplate(); got != test.wantTemplate {
			t.Errorf("%s: the template is %q, want %q", test.name, got, test.wantTemplate)
		}
		model.Close()
	}
}
