package tokenizer

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestParseRefuses checks that what is not supported is named, and where it is.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	byteLevel := `{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}`
	sequence := func(steps ...string) string {
		return `{"type":"Sequence","pretokenizers":[` + strings.Join(steps, ",") + `]}`
	}
	flags := `"single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true`
	for _, c := range []struct{ name, field, value, want string }{
		{"version", "version", `"2.0"`, `version "2.0" is not supported`},
		{"unknown field", "speed", `"fast"`, `unknown field "speed"`},
		{"normalizer", "normalizer", `{"type":"NFC"}`, `normalizer "NFC" is not supported; supported: null`},
		{"normalizer of no kind", "normalizer", `7`, `normalizer: `},
		{"decoder", "decoder", `{"type":"Metaspace"}`, `decoder "Metaspace" is not supported; supported: ByteLevel`},
		{"no decoder", "decoder", `null`, `decoder "null" is not supported`},
		{"decoder field", "decoder", `{"type":"ByteLevel","x":1}`, `decoder ByteLevel: json: unknown field "x"`},
		{"pre-tokenizer", "pre_tokenizer", `{"type":"Metaspace"}`, `pre_tokenizer "Metaspace" is not supported; supported: ByteLevel, Digits, Split, Sequence`},
		{"no pre-tokenizer", "pre_tokenizer", `null`, `pre_tokenizer "null" is not supported`},
		{"inner pre-tokenizer", "pre_tokenizer", sequence(`{"type":"Punctuation"}`, byteLevel), `pre_tokenizer "Punctuation" is not supported`},
		{"ByteLevel early", "pre_tokenizer", sequence(byteLevel, byteLevel), `ByteLevel must be the last step`},
		{"no ByteLevel", "pre_tokenizer", sequence(`{"type":"Digits","individual_digits":true}`), `ByteLevel must be the last step`},
		{"empty sequence", "pre_tokenizer", `{"type":"Sequence","pretokenizers":[]}`, `pre_tokenizer Sequence: want the field pretokenizers`},
		{"ByteLevel field", "pre_tokenizer", `{"type":"ByteLevel","add_prefix_space":true,"new":1}`, `unknown field "new"`},
		{"ByteLevel incomplete", "pre_tokenizer", `{"type":"ByteLevel"}`, `add_prefix_space is missing`},
		{"Digits incomplete", "pre_tokenizer", sequence(`{"type":"Digits"}`, byteLevel), `individual_digits is missing`},
		{"Split pattern", "pre_tokenizer", sequence(`{"type":"Split","pattern":{"Regex":"\\d"},"behavior":"Isolated","invert":false}`, byteLevel), `pattern "\\d" is not supported`},
		{"Split string", "pre_tokenizer", sequence(`{"type":"Split","pattern":{"String":"-"},"behavior":"Isolated","invert":false}`, byteLevel), `only a pattern of kind Regex`},
		{"Split behavior", "pre_tokenizer", sequence(`{"type":"Split","pattern":{"Regex":"x"},"behavior":"Removed","invert":true}`, byteLevel), `behavior "Removed" with invert true`},
		{"post-processor", "post_processor", `{"type":"BertProcessing","sep":["a",1],"cls":["b",2]}`, `post_processor "BertProcessing" is not supported`},
		{"template without text", "post_processor", `{"type":"TemplateProcessing","single":[],"pair":[],"special_tokens":{}}`, `single: want the sequence "A" exactly once`},
		{"template with B", "post_processor", `{"type":"TemplateProcessing","single":[{"Sequence":{"id":"B","type_id":0}}],"pair":[],"special_tokens":{}}`, `single[0]: sequence "B" is not supported`},
		{"template empty piece", "post_processor", `{"type":"TemplateProcessing","single":[{}],"pair":[],"special_tokens":{}}`, `single[0]: want either`},
		{"template unknown token", "post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}}],"pair":[],"special_tokens":{}}`, `single[0]: "x" is not in special_tokens`},
		{"template unknown id", "post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"x":{"id":"x","ids":[999999],"tokens":["x"]}}}`, `id 999999 is not in the vocabulary`},
		{"two templates", "post_processor", `{"type":"Sequence","processors":[{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}}]},{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}}]}]}`, `more than one TemplateProcessing`},
		{"model", "model", `{"type":"Unigram"}`, `model "Unigram" is not supported; supported: BPE`},
		{"model null", "model", `"null"`, `model: `},
		{"model field", "model", `{"type":"BPE","speed":1}`, `model: json: unknown field "speed"`},
		{"vocab", "model", `{"vocab":null}`, `vocab is missing`},
		{"merges", "model", `{"merges":null}`, `merges is missing`},
		{"dropout", "model", `{"dropout":0.1}`, `dropout is not supported`},
		{"prefix", "model", `{"continuing_subword_prefix":"##"}`, `continuing_subword_prefix is not supported`},
		{"suffix", "model", `{"end_of_word_suffix":"</w>"}`, `end_of_word_suffix is not supported`},
		{"byte fallback", "model", `{"byte_fallback":true}`, `byte_fallback is not supported`},
		{"empty unk", "model", `{"unk_token":""}`, `unk_token is empty`},
		{"unk", "model", `{"unk_token":"<unk>"}`, `unk_token "<unk>" is not in the vocabulary`},
		{"merge of one", "model", `{"merges":["ab"]}`, `merge 0 is "ab"`},
		{"merge of three", "model", `{"merges":[["a","b","c"]]}`, `merge 0 has 3 tokens`},
		{"merge of numbers", "model", `{"merges":[1]}`, `merges: want a list`},
		{"merge outside", "model", `{"merges":[["a","☃"]]}`, `merge 0: token "☃" is not in the vocabulary`},
		{"merge result outside", "model", `{"merges":[["~","^"]]}`, `merge 0: token "~^" is not in the vocabulary`},
		{"shared id", "model", `{"vocab":{"<|endoftext|>":0,"<|im_start|>":1,"<|im_end|>":2,"a":3,"b":3},"merges":[]}`, `tokens "a" and "b" share the id 3`},
		{"large id", "model", `{"vocab":{"<|endoftext|>":0,"<|im_start|>":1,"<|im_end|>":2,"a":2000000000},"merges":[]}`, `has id 2000000000, outside 0 to`},
		{"negative id", "model", `{"vocab":{"<|endoftext|>":0,"<|im_start|>":1,"<|im_end|>":2,"a":-1},"merges":[]}`, `has id -1, outside 0 to`},
		{"added id", "added_tokens", `[{"id":7,"content":"<|im_end|>",` + flags + `}]`, `added_tokens[0]: "<|im_end|>" has id 7, but the vocabulary makes it 2`},
		{"added new id", "added_tokens", `[{"id":99999,"content":"<new>",` + flags + `}]`, `added_tokens[0]: "<new>" has id 99999`},
		{"added empty", "added_tokens", `[{"id":2,"content":"",` + flags + `}]`, `content "" is empty or there twice`},
		{"added twice", "added_tokens", `[{"id":2,"content":"<|im_end|>",` + flags + `},{"id":2,"content":"<|im_end|>",` + flags + `}]`, `added_tokens[1]: content "<|im_end|>" is empty or there twice`},
		{"added incomplete", "added_tokens", `[{"id":2,"content":"<|im_end|>"}]`, `added_tokens[0]: want id, content`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := override(t, map[string]json.RawMessage{c.field: json.RawMessage(c.value)})
			_, err := Parse(file)
			if err == nil || !strings.HasPrefix(err.Error(), "tokenizer.json: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestParseRefusesDamagedFiles(t *testing.T) {
	t.Parallel()
	whole := readTestdata(t, "tokenizer.json")
	for name, file := range map[string][]byte{
		"empty":      nil,
		"cut":        whole[:len(whole)/2],
		"twice":      slices.Concat(whole, whole),
		"not JSON":   []byte("GGUF"),
		"list":       []byte("[]"),
		"no content": []byte("{}"),
	} {
		if _, err := Parse(file); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestFormsOfOneTokenizer builds the same tokenizer from each form in which it is published.
func TestFormsOfOneTokenizer(t *testing.T) {
	t.Parallel()
	var oracle oracleFile
	readTestdataJSON(t, "oracle.json", &oracle)
	var file struct {
		Model struct {
			Vocab  map[string]int32
			Merges [][]string
		}
	}
	readTestdataJSON(t, "tokenizer.json", &file)
	v := Vocabulary{
		Tokens: make([]string, len(file.Model.Vocab)), Types: make([]int32, len(file.Model.Vocab)),
		PreTokenizer: "smollm", BOS: 1, EOS: 2,
	}
	for token, id := range file.Model.Vocab {
		v.Tokens[id] = token
		v.Types[id] = typeNormal
		if id <= 2 {
			v.Types[id] = typeControl
		}
	}
	for _, pair := range file.Model.Merges {
		v.Merges = append(v.Merges, pair[0]+" "+pair[1])
	}
	fromVocabulary, err := FromVocabulary(v)
	if err != nil {
		t.Fatal(err)
	}
	lines := mustMarshal(t, map[string]any{"merges": slices.Concat([]string{"#version: 0.2"}, v.Merges)})
	for name, tok := range map[string]*Tokenizer{
		"FromVocabulary":  fromVocabulary,
		"merges as lines": mustParse(t, override(t, map[string]json.RawMessage{"model": lines})),
	} {
		for i, want := range oracle.Variants[0].Plain {
			if got := tok.Encode(oracle.Texts[i], true); !slices.Equal(got, want) {
				t.Errorf("%s: Encode(%q) = %v, want %v", name, oracle.Texts[i], got, want)
			}
		}
	}
}
