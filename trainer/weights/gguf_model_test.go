package weights

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestGGUFModelGivesTransformersWeights(t *testing.T) {
	t.Parallel()
	model, err := Open(filepath.Join("testdata", "llama.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	want := Config{
		Architecture: "llama", Layers: 2, Hidden: 64, Heads: 4, KVHeads: 2, HeadDim: 16, Intermediate: 96, Vocab: 40,
		ContextLength: 128, RopeTheta: 50000, NormEpsilon: 1e-5,
	}
	if model.Config != want || model.Format != FormatGGUF {
		t.Errorf("got  %+v (%s)\nwant %+v", model.Config, model.Format, want)
	}
	expected := openExpected(t, "llama.expected.safetensors")
	names := model.Names()
	if got := slices.Sorted(slices.Values(names)); !slices.Equal(got, expected.Names()) {
		t.Fatalf("names are %v, want %v", got, expected.Names())
	}
	if names[0] != embeddingName || names[1] != "model.layers.0.input_layernorm.weight" || names[len(names)-1] != headName {
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
	want := Config{
		Architecture: "llama", Layers: 1, Hidden: 8, Heads: 2, KVHeads: 2, HeadDim: 4, Intermediate: 16, Vocab: 5,
		ContextLength: 32, RopeTheta: 10000, NormEpsilon: 1e-5, TieEmbeddings: true,
	}
	if model.Config != want {
		t.Errorf("got  %+v\nwant %+v", model.Config, want)
	}
	if got := model.SpecialTokens(); got != (SpecialTokens{BOS: -1, EOS: -1}) {
		t.Errorf("special tokens are %+v", got)
	}
	if model.ChatTemplate() != "" {
		t.Errorf("the chat template is %q", model.ChatTemplate())
	}
	if slices.Contains(model.Names(), headName) {
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
		{"architecture", new(ggufBuilder).text("general.architecture", "gemma3"), `the architecture "gemma3" is not supported; supported: llama`},
		{"no architecture", new(ggufBuilder).uint32("x", 1), `the architecture "" is not supported`},
		{"key missing", new(ggufBuilder).text("general.architecture", "llama"), `metadata "llama.block_count" is missing`},
		{"experts", llamaGGUF().uint32("llama.expert_count", 8), "mixture of 8 experts"},
		{"parts", llamaGGUF().pair("split.count", ggufUint16, []byte{3, 0}), "one of 3 parts"},
		{"rope scaling", llamaGGUF().text("llama.rope.scaling.type", "yarn"), `"yarn", which is not supported`},
		{"rope factors", llamaGGUF().tensor(ggufRopeFactorsTensor, 2), "scales the rotary frequencies"},
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
