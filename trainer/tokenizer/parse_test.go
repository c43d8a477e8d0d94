package tokenizer

import (
	"encoding/json"
	"fmt"
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
		{"normalizer", "normalizer", `{"type":"Nmt"}`, `normalizer "Nmt" is not supported; supported: NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip, Sequence, null`},
		{"inner normalizer", "normalizer", `{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Precompiled"}]}`, `normalizer "Precompiled" is not supported`},
		{"normalizer of no kind", "normalizer", `7`, `normalizer: `},
		{"NFC field", "normalizer", `{"type":"NFC","x":1}`, `normalizer NFC: json: unknown field "x"`},
		{"Prepend incomplete", "normalizer", `{"type":"Prepend"}`, `normalizer Prepend: prepend is missing`},
		{"Strip incomplete", "normalizer", `{"type":"Strip","strip_left":true}`, `normalizer Strip: strip_left or strip_right is missing`},
		{"Replace without pattern", "normalizer", `{"type":"Replace","content":""}`, `normalizer Replace: pattern: want either`},
		{"Replace by regex", "normalizer", `{"type":"Replace","pattern":{"Regex":" +"},"content":" "}`, `normalizer Replace: pattern " +" of kind Regex is not supported`},
		{"Replace with two patterns", "normalizer", `{"type":"Replace","pattern":{"Regex":" +","String":" "},"content":" "}`, `normalizer Replace: pattern: want either`},
		{"Replace nothing", "normalizer", `{"type":"Replace","pattern":{"String":""},"content":" "}`, `normalizer Replace: pattern: want either`},
		{"Replace without content", "normalizer", `{"type":"Replace","pattern":{"String":" "}}`, `normalizer Replace: content is missing`},
		{"decoder", "decoder", `{"type":"WordPiece"}`, `decoder "WordPiece" is not supported; supported: ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, Sequence, null`},
		{"decoder of no kind", "decoder", `true`, `decoder: `},
		{"decoder field", "decoder", `{"type":"ByteLevel","x":1}`, `decoder ByteLevel: json: unknown field "x"`},
		{"Strip decoder", "decoder", `{"type":"Strip","content":"ab","start":1,"stop":0}`, `decoder Strip: want a content of one character`},
		{"Strip decoder incomplete", "decoder", `{"type":"Strip","content":" ","start":1}`, `decoder Strip: want start and stop`},
		{"Metaspace decoder", "decoder", `{"type":"Sequence","decoders":[{"type":"Metaspace","replacement":""}]}`, `decoder Metaspace: want a replacement of one character`},
		{"pre-tokenizer", "pre_tokenizer", `{"type":"BertPreTokenizer"}`, `pre_tokenizer "BertPreTokenizer" is not supported; supported: ByteLevel, Digits, Metaspace, Punctuation, Split, Whitespace, WhitespaceSplit, Sequence, null`},
		{"inner pre-tokenizer", "pre_tokenizer", sequence(`{"type":"UnicodeScripts"}`, byteLevel), `pre_tokenizer "UnicodeScripts" is not supported`},
		{"Metaspace scheme", "pre_tokenizer", `{"type":"Metaspace","replacement":"_","prepend_scheme":"last"}`, `pre_tokenizer Metaspace: prepend_scheme "last" is not supported`},
		{"Metaspace contradiction", "pre_tokenizer", `{"type":"Metaspace","replacement":"_","prepend_scheme":"first","add_prefix_space":false}`, `add_prefix_space is false, but prepend_scheme is "first"`},
		{"Punctuation behavior", "pre_tokenizer", `{"type":"Punctuation","behavior":"Lost"}`, `pre_tokenizer Punctuation: behavior "Lost" is not supported; supported: [Removed Isolated`},
		{"step after ByteLevel", "pre_tokenizer", sequence(byteLevel, `{"type":"Digits","individual_digits":true}`), `ByteLevel must be the last step`},
		{"ByteLevel early", "pre_tokenizer", sequence(byteLevel, byteLevel), `ByteLevel must be the last step`},
		{"empty sequence", "pre_tokenizer", `{"type":"Sequence","pretokenizers":[]}`, `pre_tokenizer Sequence: want the field pretokenizers`},
		{"ByteLevel field", "pre_tokenizer", `{"type":"ByteLevel","add_prefix_space":true,"new":1}`, `unknown field "new"`},
		{"ByteLevel incomplete", "pre_tokenizer", `{"type":"ByteLevel"}`, `add_prefix_space is missing`},
		{"Digits incomplete", "pre_tokenizer", sequence(`{"type":"Digits"}`, byteLevel), `individual_digits is missing`},
		{"Split pattern", "pre_tokenizer", sequence(`{"type":"Split","pattern":{"Regex":"\\d"},"behavior":"Isolated","invert":false}`, byteLevel), `pattern "\\d" is not supported`},
		{"Split without pattern", "pre_tokenizer", sequence(`{"type":"Split","pattern":{},"behavior":"Isolated","invert":false}`, byteLevel), `pre_tokenizer Split: pattern: want either`},
		{"Split behavior", "pre_tokenizer", sequence(`{"type":"Split","pattern":{"String":"x"},"behavior":"Lost","invert":true}`, byteLevel), `pre_tokenizer Split: behavior "Lost" is not supported`},
		{"Split incomplete", "pre_tokenizer", sequence(`{"type":"Split","pattern":{"String":"x"},"behavior":"Removed"}`, byteLevel), `pre_tokenizer Split: invert is missing`},
		{"post-processor", "post_processor", `{"type":"Mystery"}`, `post_processor "Mystery" is not supported; supported: ByteLevel, TemplateProcessing, BertProcessing, RobertaProcessing, Sequence, null`},
		{"classifier token", "post_processor", `{"type":"BertProcessing","sep":["a"],"cls":["b",2]}`, `post_processor BertProcessing: ["a"]: want a token and its id`},
		{"classifier incomplete", "post_processor", `{"type":"RobertaProcessing","sep":["a",1]}`, `post_processor RobertaProcessing: want sep and cls`},
		{"classifier unknown id", "post_processor", `{"type":"BertProcessing","sep":["a",1],"cls":["b",999999]}`, `id 999999 is not in the vocabulary`},
		{"template without text", "post_processor", `{"type":"TemplateProcessing","single":[],"pair":[],"special_tokens":{}}`, `single: want the sequence "A" exactly once`},
		{"template with B", "post_processor", `{"type":"TemplateProcessing","single":[{"Sequence":{"id":"B","type_id":0}}],"pair":[],"special_tokens":{}}`, `single[0]: sequence "B" is not supported`},
		{"template empty piece", "post_processor", `{"type":"TemplateProcessing","single":[{}],"pair":[],"special_tokens":{}}`, `single[0]: want either`},
		{"template unknown token", "post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}}],"pair":[],"special_tokens":{}}`, `single[0]: "x" is not in special_tokens`},
		{"template unknown id", "post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"x":{"id":"x","ids":[999999],"tokens":["x"]}}}`, `id 999999 is not in the vocabulary`},
		{"two templates", "post_processor", `{"type":"Sequence","processors":[{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}}]},{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}}]}]}`, `more than one step that adds tokens`},
		{"model", "model", `{"type":"Unigram"}`, `model "Unigram" is not supported; supported: BPE`},
		{"WordLevel", "model", `{"type":"WordLevel"}`, `model "WordLevel" is not supported; supported: BPE`},
		{"WordPiece", "model", `{"type":"WordPiece","max_input_chars_per_word":100}`, `model "WordPiece" is not supported; supported: BPE`},
		{"model null", "model", `"null"`, `model: `},
		{"model field", "model", `{"type":"BPE","speed":1}`, `model: json: unknown field "speed"`},
		{"vocab", "model", `{"vocab":null}`, `vocab is missing`},
		{"merges", "model", `{"merges":null}`, `merges is missing`},
		{"dropout", "model", `{"dropout":0.1}`, `dropout is not supported`},
		{"prefix", "model", `{"continuing_subword_prefix":"##"}`, `continuing_subword_prefix is not supported`},
		{"suffix", "model", `{"end_of_word_suffix":"</w>"}`, `end_of_word_suffix is not supported`},
		{"some byte tokens", "model", `{"byte_fallback":true,"vocab":{"<|endoftext|>":0,"<|im_start|>":1,"<|im_end|>":2,"<0x0A>":3},"merges":[]}`, `byte_fallback with 1 of the 256 byte tokens is not supported; <0xFF> is not`},
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
			file := override(t, "tokenizer.json", map[string]json.RawMessage{c.field: json.RawMessage(c.value)})
			_, err := Parse(file)
			if err == nil || !strings.HasPrefix(err.Error(), "tokenizer.json: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestParseRefusesCombinations checks parts that are good by themselves but not together.
func TestParseRefusesCombinations(t *testing.T) {
	t.Parallel()
	var bytes strings.Builder
	for b := range 256 {
		fmt.Fprintf(&bytes, `,"<0x%02X>":%d`, b, b+2)
	}
	added := func(first, second string) string {
		const flags = `"single_word":false,"lstrip":false,"rstrip":false,"normalized":true,"special":false`
		return `"added_tokens":[{"id":0,"content":"` + first + `",` + flags + `},{"id":1,"content":"` + second + `",` + flags + `}],`
	}
	for name, c := range map[string]struct{ file, want string }{
		"byte fallback in a byte-level vocabulary": {
			`{"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},"model":{"vocab":{"a":0,"b":1` + bytes.String() + `},"merges":[],"byte_fallback":true}}`,
			"byte_fallback is not supported after the pre-tokenizer ByteLevel"},
		"added tokens equal when normalized": {
			`{` + added("X", "x") + `"normalizer":{"type":"Lowercase"},"model":{"vocab":{"X":0,"x":1},"merges":[]}}`,
			`added tokens "X" and "x" are both "x" after normalization`},
		"added token normalized away": {
			`{` + added("x", " ") + `"normalizer":{"type":"Strip","strip_left":true,"strip_right":true},"model":{"vocab":{"x":0," ":1},"merges":[]}}`,
			`added token " ": the normalizer leaves nothing of it`},
		"WordPiece": {`{"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{"a":0}}}`, `model "WordPiece" is not supported`},
		"Unigram":   {`{"model":{"type":"Unigram","unk_id":0,"vocab":[["a",-1.5]],"byte_fallback":false}}`, `model "Unigram" is not supported`},
		"no type":   {`{"model":{"vocab":{"a":0}}}`, "merges is missing"},
	} {
		if _, err := Parse([]byte(c.file)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
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
		"merges as lines": mustParse(t, override(t, "tokenizer.json", map[string]json.RawMessage{"model": lines})),
	} {
		for i, want := range oracle.Variants[0].Plain {
			if got := tok.Encode(oracle.Texts[i], true); !slices.Equal(got, want) {
				t.Errorf("%s: Encode(%q) = %v, want %v", name, oracle.Texts[i], got, want)
			}
		}
	}
}
