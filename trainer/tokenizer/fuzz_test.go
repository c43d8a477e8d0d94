package tokenizer

import (
	"encoding/binary"
	"slices"
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
	f.Add([]byte(`{"normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Strip","strip_left":true,"strip_right":false},{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
		"pre_tokenizer":null,"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},
		"model":{"type":"BPE","vocab":{"<unk>":0,"▁":1,"a":2,"▁a":3},"merges":["▁ a"],"unk_token":"<unk>","byte_fallback":true,"fuse_unk":true}}`))
	f.Add([]byte(`{"normalizer":{"type":"Lowercase"},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Punctuation","behavior":"MergedWithNext"},
		{"type":"Split","pattern":{"String":"a"},"behavior":"Contiguous","invert":true},{"type":"Metaspace","replacement":"_","prepend_scheme":"first","split":true}]},
		"decoder":{"type":"Metaspace","replacement":"_","prepend_scheme":"first"},"model":{"vocab":{"a":0},"merges":[]}}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		tok, err := Parse(file)
		if err != nil {
			return
		}
		const text = "  ab b\u0301 12 \n\xff<|x|>"
		ids, spans := tok.EncodeSpans(text, true)
		checkSpans(t, text, spans)
		for _, id := range ids {
			if _, ok := tok.Token(id); !ok {
				t.Errorf("id %d is not in the vocabulary", id)
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
		clear(tok.model.cache.slots) // or the coverage that steers the fuzzer would depend on earlier texts
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

// checkSpans checks that spans lie in the text and follow each other.
func checkSpans(t *testing.T, text string, spans []Span) {
	t.Helper()
	end := 0
	for _, span := range spans {
		if span.Start < end || span.End < span.Start || span.End > len(text) {
			t.Fatalf("the spans of %q do not follow each other or are outside its %d bytes: %v", text, len(text), spans)
		}
		end = span.End
	}
}

// fuzzedFamilies are the tokenizers that the fuzz targets use in turn.
func fuzzedFamilies(f *testing.F) []*Tokenizer {
	var toks []*Tokenizer
	for _, family := range readFamilies(f).Families {
		toks = append(toks, family.tokenizer(f))
	}
	return toks
}

// FuzzEncodeFamilies checks the spans under every kind of rewriting and splitting, and that encoding with and without spans is the same.
func FuzzEncodeFamilies(f *testing.F) {
	for i, text := range readFamilies(f).Texts {
		f.Add(uint8(i), text)
	}
	toks := fuzzedFamilies(f)
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		tok := toks[int(which)%len(toks)]
		clear(tok.model.cache.slots) // or the coverage that steers the fuzzer would depend on earlier texts
		ids, spans := tok.EncodeSpans(text, true)
		checkSpans(t, text, spans)
		if plain := tok.Encode(text, true); !slices.Equal(plain, ids) {
			t.Errorf("%q has ids %v with spans, %v without", text, ids, plain)
		}
	})
}

// FuzzGemma checks that a text comes back from a vocabulary with byte tokens, and that its spans cover it.
func FuzzGemma(f *testing.F) {
	file := readFamilies(f)
	for _, text := range file.Texts {
		f.Add(text)
	}
	which := slices.IndexFunc(file.Families, func(family family) bool { return family.Name == "gemma" })
	tok := file.Families[which].tokenizer(f)
	f.Fuzz(func(t *testing.T, text string) {
		clear(tok.model.cache.slots)
		ids, spans := tok.EncodeSpans(text, false)
		covered := ""
		for _, span := range spans {
			covered += text[span.Start:span.End]
		}
		if covered != text {
			t.Errorf("the spans of %q cover %q", text, covered)
		}
		if !utf8.ValidString(text) || strings.Contains(text, "▁") {
			return
		}
		if got := tok.Decode(ids, false); got != text {
			t.Errorf("%q comes back as %q", text, got)
		}
	})
}

// FuzzDecode feeds every decoder ids, in and outside the vocabulary.
func FuzzDecode(f *testing.F) {
	f.Add(uint8(0), []byte{1, 2, 3})
	f.Add(uint8(8), []byte{3, 0, 229, 0, 255, 255, 0})
	toks := fuzzedFamilies(f)
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		tok := toks[int(which)%len(toks)]
		ids := make([]int32, len(data)/2)
		for i := range ids {
			ids[i] = int32(int16(binary.LittleEndian.Uint16(data[2*i:])))
		}
		for _, skipSpecial := range []bool{false, true} {
			if text := tok.Decode(ids, skipSpecial); !utf8.ValidString(text) {
				t.Errorf("Decode(%v, %t) = %q, which is not valid UTF-8", ids, skipSpecial, text)
			}
		}
	})
}
