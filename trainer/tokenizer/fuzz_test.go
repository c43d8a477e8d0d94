package tokenizer

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse feeds Parse damaged files; a tokenizer that comes out must be usable.
func FuzzParse(f *testing.F) {
	byteLevel := `"decoder":{"type":"ByteLevel"},"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":true}`
	f.Add([]byte(`{` + byteLevel + `,"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}`))
	f.Add([]byte(`{` + byteLevel + `,"model":{"type":"BPE","vocab":{"a":0,"b":9,"ab":2},"merges":[["a","b"]],"unk_token":"a","fuse_unk":true},
		"added_tokens":[{"id":3,"content":" b","single_word":true,"lstrip":true,"rstrip":true,"normalized":true,"special":true}]}`))
	f.Add([]byte(`{"decoder":{"type":"ByteLevel"},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":false},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]},
		"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"a","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"special_tokens":{"a":{"id":"a","ids":[0],"tokens":["a"]}}},
		"model":{"vocab":{"a":0},"merges":[],"ignore_merges":true}}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		tok, err := Parse(file)
		if err != nil {
			return
		}
		const text = "  ab b\u0301 12 \n\xff<|x|>"
		ids, spans := tok.EncodeSpans(text, true)
		for i, span := range spans {
			if _, ok := tok.Token(ids[i]); !ok {
				t.Errorf("id %d is not in the vocabulary", ids[i])
			}
			if span.Start < 0 || span.Start > span.End || span.End > len(text) {
				t.Errorf("span %v is outside the text of %d bytes", span, len(text))
			}
		}
		tok.Decode(ids, true)
	})
}

// FuzzEncode checks that what was encoded comes back, and that the spans cover the text.
func FuzzEncode(f *testing.F) {
	var oracle oracleFile
	readTestdataJSON(f, "oracle.json", &oracle)
	for _, text := range oracle.Texts {
		f.Add(text)
	}
	tok := small(f)
	f.Fuzz(func(t *testing.T, text string) {
		tok.model.cache = newWordCache() // or the coverage that steers the fuzzer would depend on earlier texts
		ids, spans := tok.EncodeSpans(text, false)
		if !utf8.ValidString(text) || withoutDropped(tok, text) != text {
			return
		}
		if got := tok.Decode(ids, false); got != text {
			t.Errorf("%q comes back as %q", text, got)
		}
		var covered strings.Builder
		for _, span := range spans {
			covered.WriteString(text[span.Start:span.End])
		}
		if covered.String() != text {
			t.Errorf("the spans of %q cover %q", text, covered.String())
		}
	})
}
