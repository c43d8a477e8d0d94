package tokenizer

import (
	"encoding/json"
	"slices"
	"testing"
)

// familiesFile is what testdata/make_families.py writes: what Hugging Face's tokenizers makes of hard texts under the components that
// the families of models use.
type familiesFile struct {
	Texts    []string
	Families []family
}

type family struct {
	File      string // whose fields are overridden
	Name      string
	Overrides map[string]json.RawMessage
	IDs       [][]int32 // of each text
	Special   [][]int32 // of the first few texts, with special tokens
	Decoded   []string  // the first texts' ids decoded, every second time without special tokens
	Offsets   [][]int   // of the first texts' tokens: start and end, in characters; nil where those of the library do not tell all
	Decodings []struct {
		IDs           []int32
		Text, Skipped string
	}
}

func readFamilies(t testing.TB) familiesFile {
	t.Helper()
	var file familiesFile
	readTestdataJSON(t, "families.json", &file)
	if len(file.Texts) < 160 || len(file.Families) < 30 {
		t.Fatalf("families.json has %d texts and %d families; run testdata/make_families.py", len(file.Texts), len(file.Families))
	}
	return file
}

func (f *family) tokenizer(t testing.TB) *Tokenizer {
	t.Helper()
	return mustParse(t, override(t, f.File, f.Overrides))
}

func TestFamiliesEqualHuggingFace(t *testing.T) {
	t.Parallel()
	file := readFamilies(t)
	for _, family := range file.Families {
		t.Run(family.Name, func(t *testing.T) {
			t.Parallel()
			tok := family.tokenizer(t)
			for i, text := range file.Texts {
				checkIDs(t, tok, text, false, family.IDs[i])
			}
			for i, want := range family.Special {
				checkIDs(t, tok, file.Texts[i], true, want)
			}
			for i, want := range family.Decoded {
				if got := tok.Decode(family.IDs[i], i%2 == 1); got != want {
					t.Errorf("Decode(%v, %t) = %q, want %q", family.IDs[i], i%2 == 1, got, want)
				}
			}
			for _, c := range family.Decodings {
				if got := tok.Decode(c.IDs, false); got != c.Text {
					t.Errorf("Decode(%v, false) = %q, want %q", c.IDs, got, c.Text)
				}
				if got := tok.Decode(c.IDs, true); got != c.Skipped {
					t.Errorf("Decode(%v, true) = %q, want %q", c.IDs, got, c.Skipped)
				}
			}
		})
	}
}

// TestFamilySpans compares spans with the library's offsets. Those are in characters and name the whole character for a token that is
// a part of it, and what was put in gets the offsets of a neighbour: so each span that is not empty must lie within its token's offsets.
// That the spans leave nothing out besides is checked by TestFamilySpansCoverText.
func TestFamilySpans(t *testing.T) {
	t.Parallel()
	file := readFamilies(t)
	compared := 0
	for _, family := range file.Families {
		// Where symbols are dropped, the library's offsets slip: it adds up the lengths of what is left.
		if family.Name == "unknown symbols dropped" || family.File == "tokenizer.json" {
			continue
		}
		tok := family.tokenizer(t)
		for i, offsets := range family.Offsets {
			text := file.Texts[i]
			_, spans := tok.EncodeSpans(text, false)
			bytes := byteOffsets(text)
			for n, span := range spans {
				start, end := bytes[offsets[2*n]], bytes[offsets[2*n+1]]
				if span.Start < span.End && (span.Start < start || span.End > end) {
					t.Errorf("%s: EncodeSpans(%q): token %d has span %v, tokenizers says [%d, %d)", family.Name, text, n, span, start, end)
				}
				compared++
			}
		}
	}
	if compared < 10000 {
		t.Errorf("only %d spans were compared", compared)
	}
}

// byteOffsets gives where each character of text starts, and where the last ends.
func byteOffsets(text string) []int {
	var offsets []int
	for at := range text {
		offsets = append(offsets, at)
	}
	return append(offsets, len(text))
}

// TestFamilySpansCoverText checks that the spans of a tokenizer that loses no text follow each other without a gap.
func TestFamilySpansCoverText(t *testing.T) {
	t.Parallel()
	file := readFamilies(t)
	complete := []string{"llama2", "llama2, phi-3's added tokens", "metaspace first, split true", "metaspace always, split false", "metaspace never, split true",
		"gemma", "unknown tokens, fused", "unknown tokens, each"}
	for _, family := range file.Families {
		if !slices.Contains(complete, family.Name) {
			continue
		}
		tok := family.tokenizer(t)
		for _, text := range file.Texts {
			_, spans := tok.EncodeSpans(text, false)
			end := 0
			for _, span := range spans {
				if span.Start != end || span.End < span.Start {
					t.Fatalf("%s: EncodeSpans(%q): span %v does not follow the one before, which ends at %d: %v", family.Name, text, span, end, spans)
				}
				end = span.End
			}
			if end != len(text) {
				t.Errorf("%s: EncodeSpans(%q): the spans end at %d of %d", family.Name, text, end, len(text))
			}
		}
	}
}
