package weights

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/trainer/architecture"
)

func TestGGUFModelGivesTransformersWeights(t *testing.T) {
	t.Parallel()
	model, err := Open(filepath.Join("testdata", "llama.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	requireConfig(t, model, `{"model_type":"llama","num_hidden_layers":2,"hidden_size":64,"num_attention_heads":4,"num_key_value_heads":2,
		"intermediate_size":96,"vocab_size":40,"max_position_embeddings":128,"rope_theta":50000,"rms_norm_eps":1e-5}`)
	if model.Format != FormatGGUF {
		t.Errorf("the format is %q", model.Format)
	}
	expected := openExpected(t, "llama.expected.safetensors")
	names := model.names
	if got := slices.Sorted(slices.Values(names)); !slices.Equal(got, expected.Names()) {
		t.Fatalf("names are %v, want %v", got, expected.Names())
	}
	if names[0] != "model.embed_tokens.weight" || names[1] != "model.layers.0.input_layernorm.weight" || names[len(names)-1] != "lm_head.weight" {
		t.Errorf("the canonical order is broken: %v", names)
	}
	for _, name := range names {
		requireSameTensor(t, model, expected, name)
	}
	if got := model.SpecialTokens(); got != (SpecialTokens{BOS: 0, EOS: 1, BOSToken: "<s>", EOSToken: "</s>"}) {
		t.Errorf("special tokens are %+v", got)
	}
	if got := model.ChatTemplate(); !strings.HasPrefix(got, "{% for message in messages %}") {
		t.Errorf("the chat template is %q", got)
	}
}

// Other families, with the values and the settings that transformers had when the files were made; but a GGUF file stores
// the norm gains of Gemma with 1 added, and the model says so.
func TestGGUFModelsOfOtherFamilies(t *testing.T) {
	t.Parallel()
	const sizes = `"vocab_size":20,"hidden_size":32,"intermediate_size":40,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,
		"max_position_embeddings":64,"rms_norm_eps":1e-5`
	for name, description := range map[string]string{
		"qwen2": `{"model_type":"qwen2","rope_theta":12345,"tie_word_embeddings":true,` + sizes + "}",
		"qwen3": `{"model_type":"qwen3","rope_theta":12345,"head_dim":10,` + sizes + "}",
		"gemma3": `{"model_type":"gemma3_text","head_dim":10,"query_pre_attn_scalar":10,"sliding_window":24,
			"rope_scaling":{"rope_type":"linear","factor":8},` + sizes + "}",
	} {
		model, err := Open(filepath.Join("testdata", name+".gguf"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		defer model.Close()
		if name == "gemma3" && model.Config.Norm.UnitOffset {
			t.Error("the gains of a Gemma in GGUF are said to lack 1")
		}
		model.Config.Norm.UnitOffset = name == "gemma3"
		requireConfig(t, model, description)
		expected := openExpected(t, name+".expected.safetensors")
		if got := slices.Sorted(slices.Values(model.names)); !slices.Equal(got, expected.Names()) {
			t.Fatalf("%s: names are %v, want %v", name, got, expected.Names())
		}
		for _, tensor := range model.names {
			requireSameTensor(t, model, expected, tensor)
		}
	}
}

// llama.cpp keeps the scaling of Llama 3.1 as a divisor for each frequency.
func TestGGUFRopeFactorsDivideTheFrequencies(t *testing.T) {
	t.Parallel()
	builder := llamaGGUF().tensor(ggufRopeFactorsName, 2)
	file := builder.bytes()
	at := len(file) - ggufDefaultAlignment
	binary.LittleEndian.PutUint32(file[at:], math.Float32bits(1))
	binary.LittleEndian.PutUint32(file[at+4:], math.Float32bits(8))
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	model, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	plain := architecture.NewRotary(4, 10000).Frequencies
	if want := []float64{plain[0], plain[1] / 8}; !slices.Equal(model.Config.Rotary.Frequencies, want) {
		t.Errorf("the frequencies are %v, want %v", model.Config.Rotary.Frequencies, want)
	}
}

func TestGGUFTokenizerEncodes(t *testing.T) {
	t.Parallel()
	model, err := Open(filepath.Join("testdata", "llama.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	tokenizer, err := model.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	if got := tokenizer.Encode("cab", true); !slices.Equal(got, []int32{0, 38, 39}) { // <s>, c, ab
		t.Errorf("\"cab\" became %v", got)
	}
}

func TestGGUFDefaults(t *testing.T) {
	t.Parallel()
	model, err := Open(llamaGGUF().write(t))
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	requireConfig(t, model, `{"model_type":"llama","num_hidden_layers":1,"hidden_size":8,"num_attention_heads":2,"intermediate_size":16,"vocab_size":5,
		"max_position_embeddings":32,"rms_norm_eps":1e-5,"tie_word_embeddings":true}`)
	if got := model.SpecialTokens(); got != (SpecialTokens{BOS: -1, EOS: -1}) {
		t.Errorf("special tokens are %+v", got)
	}
	if model.ChatTemplate() != "" {
		t.Errorf("the chat template is %q", model.ChatTemplate())
	}
	if slices.Contains(model.names, "lm_head.weight") {
		t.Error("a tied head has a name of its own")
	}
	if _, err := model.Tokenizer(); err == nil || !strings.Contains(err.Error(), "carries no tokenizer") {
		t.Errorf("the missing tokenizer gives %v", err)
	}
}

func TestUnsupportedGGUFModelsAreRefused(t *testing.T) {
	t.Parallel()
	twoTokens := appendGGUFText(appendGGUFText(nil, "a"), "b")
	for _, test := range []struct {
		name    string
		builder *ggufBuilder
		want    string
	}{
		{"architecture", new(ggufBuilder).text("general.architecture", "gemma2"), `the architecture "gemma2" is not supported in a GGUF file; supported: gemma3, llama, qwen2, qwen3;`},
		{"no architecture", new(ggufBuilder).uint32("x", 1), `the architecture "" is not supported`},
		{"key missing", new(ggufBuilder).text("general.architecture", "llama"), `metadata "llama.attention.head_count" is missing`},
		{"experts", llamaGGUF().uint32("llama.expert_count", 8), "mixture of 8 experts"},
		{"parts", llamaGGUF().pair("split.count", ggufUint16, []byte{3, 0}), "one of 3 parts"},
		{"rope scaling", llamaGGUF().text("llama.rope.scaling.type", "yarn"), `"yarn", which is not supported`},
		{"older scaling", llamaGGUF().float32("llama.rope.scale_linear", 4), `metadata "llama.rope.scale_linear" is 4`},
		{"linear scaling without a factor", llamaGGUF().text("llama.rope.scaling.type", "linear"), `metadata "llama.rope.scaling.factor" is missing`},
		{"rope factors of zero", llamaGGUF().tensor(ggufRopeFactorsName, 2), `"rope_freqs.weight" holds 0, want divisors above 0`},
		{"rope factors of another width", llamaGGUF().tensor(ggufRopeFactorsName, 3), "one divisor for each of 2 rotary frequencies"},
		{"partial rotary", llamaGGUF().uint32("llama.rope.dimension_count", 2), "rotate 2 of the 4 dimensions"},
		{"value heads", llamaGGUF().uint32("llama.attention.value_length", 8), "value heads have 8 dimensions"},
		{"heads by layer", llamaGGUF().array("llama.attention.head_count_kv", ggufInt32, 1, make([]byte, 4)), "want an integer"},
		{"bias", llamaGGUF().tensor("blk.0.attn_q.bias", 8), "1 tensors have no place in the architecture: blk.0.attn_q.bias"},
		{"shape", llamaGGUF().uint32("llama.attention.head_count_kv", 1), `tensor "blk.0.attn_k.weight" has the shape [8 8], but the configuration makes it [4 8]`},
		{"bos beyond the tokens", llamaGGUF().array("tokenizer.ggml.tokens", ggufString, 2, twoTokens).uint32("tokenizer.ggml.bos_token_id", 2), "is 2, but there are 2 tokens"},
		{"negative id", llamaGGUF().pair("tokenizer.ggml.eos_token_id", ggufInt32, binary.LittleEndian.AppendUint32(nil, 0xffffffff)), "is -1, out of range"},
	} {
		path := test.builder.write(t)
		model, err := Open(path)
		if err == nil {
			model.Close()
			t.Errorf("%s: opened", test.name)
			continue
		}
		if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want an error with %q and the path", test.name, err, test.want)
		}
	}
}

func TestUnsupportedGGUFTokenizersAreRefused(t *testing.T) {
	t.Parallel()
	sixTokens := []byte{}
	for _, token := range strings.Fields("a b c d e f") {
		sixTokens = appendGGUFText(sixTokens, token)
	}
	base := func() *ggufBuilder {
		return llamaGGUF().text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", "gpt-2").array("tokenizer.ggml.merges", ggufString, 0, nil)
	}
	for name, test := range map[string]struct {
		builder *ggufBuilder
		want    string
	}{
		"kind":      {llamaGGUF().text("tokenizer.ggml.model", "llama"), `the tokenizer model "llama" is not supported; supported: gpt2`},
		"no tokens": {base(), `"tokenizer.ggml.tokens" is missing or empty`},
		"types": {base().array("tokenizer.ggml.tokens", ggufString, 6, sixTokens).array("tokenizer.ggml.token_type", ggufInt32, 1, make([]byte, 4)),
			"has 1 entries for 6 tokens"},
		"too large": {base().array("tokenizer.ggml.tokens", ggufString, 6, sixTokens), "ids up to 5, but the embedding has 5 rows"},
	} {
		model, err := Open(test.builder.write(t))
		if err != nil {
			t.Fatal(err)
		}
		defer model.Close()
		if _, err := model.Tokenizer(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, test.want)
		}
	}
}

func TestADirectoryWithOneGGUFOpens(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	for _, name := range []string{"a.gguf", "b.gguf"} {
		if err := os.WriteFile(filepath.Join(directory, name), llamaGGUF().bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		model, err := Open(directory)
		switch name {
		case "a.gguf":
			if err != nil {
				t.Fatal(err)
			}
			if model.Path != directory {
				t.Errorf("the path is %q", model.Path)
			}
			model.Close()
		case "b.gguf":
			if err == nil || !strings.Contains(err.Error(), "holds 2 GGUF files (a.gguf, b.gguf); name the one to use") {
				t.Errorf("two files give %v", err)
			}
		}
	}
}
