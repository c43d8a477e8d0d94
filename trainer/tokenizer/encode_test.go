package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestSpans checks that each token stands for exactly the bytes of its span, and that the spans follow each other.
func TestSpans(t *testing.T) {
	t.Parallel()
	var oracle oracleFile
	readTestdataJSON(t, "oracle.json", &oracle)
	tok := small(t)
	for _, text := range oracle.Texts {
		ids, spans := tok.EncodeSpans(text, false)
		end := 0
		for i, span := range spans {
			if span.Start < end || span.End > len(text) {
				t.Fatalf("EncodeSpans(%q): span %d is %v, after one that ends at %d", text, i, span, end)
			}
			// What a span holds beyond its token, and what lies between spans, are bytes without a token.
			got := withoutDropped(tok, text[span.Start:span.End])
			if want := tok.entries[ids[i]].decoded; got != want {
				t.Errorf("EncodeSpans(%q): token %q has span %v, which is %q", text, want, span, got)
			}
			if gap := withoutDropped(tok, text[end:span.Start]); gap != "" {
				t.Errorf("EncodeSpans(%q): no token has %q", text, gap)
			}
			end = span.End
		}
		if rest := withoutDropped(tok, text[end:]); rest != "" {
			t.Errorf("EncodeSpans(%q): no token has %q", text, rest)
		}
	}
}

// withoutDropped removes the bytes for which there is no token.
func withoutDropped(tok *Tokenizer, text string) string {
	kept := make([]byte, 0, len(text))
	for i := range len(text) {
		if tok.model.symbols.bytes[text[i]] != absent {
			kept = append(kept, text[i])
		}
	}
	return string(kept)
}

func TestSpansOfWhatIsAdded(t *testing.T) {
	t.Parallel()
	file := override(t, "tokenizer.json", map[string]json.RawMessage{
		"pre_tokenizer": json.RawMessage(`{"type":"ByteLevel","add_prefix_space":true}`),
		"post_processor": json.RawMessage(`{"type":"TemplateProcessing","pair":[],"single":[
			{"SpecialToken":{"id":"b","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"e","type_id":0}}],
			"special_tokens":{"b":{"id":"b","ids":[1],"tokens":["b"]},"e":{"id":"e","ids":[2,0],"tokens":["e","f"]}}}`),
	})
	tok := mustParse(t, file)
	text := "the<|im_end|>!"
	ids, spans := tok.EncodeSpans(text, true)
	if got, want := tok.Decode(ids, false), "<|im_start|> the<|im_end|> !<|im_end|><|endoftext|>"; got != want {
		t.Fatalf("decoded %q, want %q", got, want)
	}
	if spans[0] != (Span{0, 0}) || spans[len(spans)-1] != (Span{len(text), len(text)}) || spans[len(spans)-2] != (Span{len(text), len(text)}) {
		t.Errorf("tokens around the text have spans %v, want them empty", spans)
	}
	covered := ""
	for _, span := range spans {
		covered += text[span.Start:span.End]
	}
	if covered != text {
		t.Errorf("spans %v cover %q, want %q", spans, covered, text)
	}
}

// TestSpansOfStrippedSpace checks that white space goes to the first token that takes it, and to one only.
func TestSpansOfStrippedSpace(t *testing.T) {
	t.Parallel()
	flags := `"single_word":false,"normalized":false,"special":true`
	size := small(t).Size()
	added := fmt.Sprintf(`[{"id":%d,"content":"[right]","lstrip":false,"rstrip":true,%s},{"id":%d,"content":"[left]","lstrip":true,"rstrip":false,%s}]`, size, flags, size+1, flags)
	tok := mustParse(t, override(t, "tokenizer.json", map[string]json.RawMessage{"added_tokens": json.RawMessage(added)}))
	_, spans := tok.EncodeSpans("[right]  [left]a \n[left]", false)
	if want := []Span{{0, 9}, {9, 15}, {15, 16}, {16, 24}}; !slices.Equal(spans, want) {
		t.Errorf("got spans %v, want %v", spans, want)
	}
}

func TestInvalidUTF8(t *testing.T) {
	t.Parallel()
	tok := small(t)
	// All of these bytes occur in the training text, so none is dropped.
	for _, text := range []string{"a\xc3", "\xc3\xc3 b", "\xb8 \xe3\x81", "x\xe3\x81y 1\xb8\xb8", "\xe3\x81\x84\x84"} {
		ids := tok.Encode(text, false)
		var raw strings.Builder
		for _, id := range ids {
			raw.WriteString(tok.entries[id].decoded)
		}
		if raw.String() != text {
			t.Errorf("Encode(%q) stands for the bytes %q", text, raw.String())
		}
	}
}

func TestDecodeReplacesMaximalSubparts(t *testing.T) {
	t.Parallel()
	// The rightmost column is what bytes.decode("utf-8", "replace") gives in Python.
	for _, c := range []struct{ bytes, want string }{
		{"abc é", "abc é"},
		{"\xff\xfe", "\uFFFD\uFFFD"},
		{"\xe2\x82", "\uFFFD"},
		{"\xe2\x82\xe2\x82\xac", "\uFFFD€"},
		{"\xe2\x28\xa1", "\uFFFD(\uFFFD"},
		{"\xf0\x9f\x91", "\uFFFD"},
		{"\xf0\x9f\x91x", "\uFFFDx"},
		{"\xf0\x9f\xbf", "\uFFFD"},
		{"\xf0\xbf\x80", "\uFFFD"},
		{"\xf0\x80\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
		{"\xf4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
		{"\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD"},
		{"\xe0\x80\x80", "\uFFFD\uFFFD\uFFFD"},
		{"\xc0\xaf\xc3", "\uFFFD\uFFFD\uFFFD"},
		{"\x80\xbf", "\uFFFD\uFFFD"},
		{"\uFFFD", "\uFFFD"},
	} {
		if got := validUTF8(c.bytes); got != c.want {
			t.Errorf("validUTF8(%q) = %q, want %q", c.bytes, got, c.want)
		}
	}
}

func TestByteOf(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]int{"<0x00>": 0, "<0xE2>": 0xE2, "<0xff>": 0xFF, "<0x+a>": 10, "<0x-1>": -1, "<0x++>": -1, "<0xé>": -1, "<0xGG>": -1, "<0x1>": -1, "<0x001>": -1, "<1x00>": -1, "<0x00)": -1} {
		b, ok := byteOf(token)
		if ok != (want >= 0) || ok && int(b) != want {
			t.Errorf("byteOf(%q) = %d, %t; want %d", token, b, ok, want)
		}
	}
}

func TestDecodeLeavesUnknownIDsOut(t *testing.T) {
	t.Parallel()
	tok := small(t)
	id, ok := tok.ID("a")
	if !ok {
		t.Fatal("the test vocabulary lacks \"a\"")
	}
	if got := tok.Decode([]int32{-1, id, int32(tok.Size()), id, 1 << 30}, false); got != "aa" {
		t.Errorf("got %q, want %q", got, "aa")
	}
}

// TestLongMergeEqualsShort compares the two ways of merging on words around and above the length where one takes over.
func TestLongMergeEqualsShort(t *testing.T) {
	t.Parallel()
	tok := small(t)
	words := []string{"", "a", "statement", strings.Repeat("a", 48), strings.Repeat("thestatement", 4), strings.Repeat("=", 47), strings.Repeat("ab", 20) + "the"}
	words = append(words, "internationalizationandobjectsofexpressions", "éèêÀ日本語のテ")
	for _, word := range words {
		bytes := tok.model.symbols.appendSymbols(nil, word)
		if len(bytes) > longestShort || len(bytes) == 0 {
			continue
		}
		short := tok.model.mergeShort(slices.Clone(bytes))
		long := tok.model.mergeLong(slices.Clone(bytes))
		if !slices.Equal(short, long) {
			t.Errorf("%q: mergeShort gives %v, mergeLong %v", word, short, long)
		}
	}
}

// TestVeryLongTextsWithoutWords encodes texts that have no pre-tokenizer, and cannot be cut, in reasonable time.
func TestVeryLongTextsWithoutWords(t *testing.T) {
	t.Parallel()
	file := readFamilies(t)
	for _, family := range file.Families {
		if family.Name != "gemma" && family.Name != "qwen2" {
			continue
		}
		tok := family.tokenizer(t)
		for _, unit := range []string{"a", " ", "e\u0301", "\u0301", "語", "\n", "the "} {
			text := strings.Repeat(unit, 1<<18/len(unit))
			_, spans := tok.EncodeSpans(text, false)
			// tokenizer.json lacks some bytes.
			if end := spans[len(spans)-1].End; end > len(text) || len(text)-end >= max(2, len(unit)) {
				t.Errorf("%s: the spans of %d times %q end at %d of %d", family.Name, len(text)/len(unit), unit, end, len(text))
			}
		}
	}
}

// A word of megabytes comes back. Merging that looked through the whole word for each merge would need 10¹² steps here
// and end by the test's time-out.
func TestVeryLongWordsComeBack(t *testing.T) {
	t.Parallel()
	tok := small(t)
	for _, unit := range []string{"a", "!", " ", "the", "\n"} {
		long := strings.Repeat(unit, 1<<20/len(unit))
		if tok.Decode(tok.Encode(long, false), false) != long {
			t.Errorf("a word of %d bytes of %q does not come back", len(long), unit)
		}
	}
}
