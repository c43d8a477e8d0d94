package tokenizer

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// oracleFile is what testdata/make_oracle.py writes: what Hugging Face's tokenizers makes of hard texts.
type oracleFile struct {
	Texts    []string
	Variants []struct {
		Name      string
		Overrides map[string]json.RawMessage
		Plain     [][]int32 // ids of each text
		// WithSpecial holds the ids of the first few texts with special tokens.
		WithSpecial [][]int32
	}
	Splits    map[string][][]int // by splitter, the lengths in bytes of the words of each text
	Decodings []struct {
		IDs           []int32
		Text, Skipped string
	}
}

func readTestdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readTestdataJSON(t testing.TB, name string, into any) {
	t.Helper()
	if err := json.Unmarshal(readTestdata(t, name), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// override replaces fields of a tokenizer.json in testdata: those of model one by one, others whole.
func override(t testing.TB, name string, overrides map[string]json.RawMessage) []byte {
	t.Helper()
	var file, model map[string]json.RawMessage
	readTestdataJSON(t, name, &file)
	if err := json.Unmarshal(file["model"], &model); err != nil {
		t.Fatal(err)
	}
	for key, value := range overrides {
		if key != "model" {
			file[key] = value
			continue
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(value, &fields); err != nil {
			file["model"] = value // not an object: for tests of bad files
			return mustMarshal(t, file)
		}
		for field, fieldValue := range fields {
			model[field] = fieldValue
		}
	}
	file["model"] = mustMarshal(t, model)
	return mustMarshal(t, file)
}

func mustMarshal(t testing.TB, value any) []byte {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mustParse(t testing.TB, file []byte) *Tokenizer {
	t.Helper()
	tok, err := Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func small(t testing.TB) *Tokenizer {
	t.Helper()
	return mustParse(t, readTestdata(t, "tokenizer.json"))
}

func TestEncodeEqualsHuggingFace(t *testing.T) {
	t.Parallel()
	var oracle oracleFile
	readTestdataJSON(t, "oracle.json", &oracle)
	if len(oracle.Variants) < 6 || len(oracle.Texts) < 400 {
		t.Fatalf("oracle.json has %d variants and %d texts; run testdata/make_oracle.py", len(oracle.Variants), len(oracle.Texts))
	}
	for _, variant := range oracle.Variants {
		t.Run(variant.Name, func(t *testing.T) {
			t.Parallel()
			tok := mustParse(t, override(t, "tokenizer.json", variant.Overrides))
			for i, text := range oracle.Texts {
				checkIDs(t, tok, text, false, variant.Plain[i])
			}
			for i, want := range variant.WithSpecial {
				checkIDs(t, tok, oracle.Texts[i], true, want)
			}
		})
	}
}

// checkIDs encodes twice, so that the second time the words come from the cache.
func checkIDs(t *testing.T, tok *Tokenizer, text string, addSpecial bool, want []int32) {
	t.Helper()
	for _, pass := range []string{"first", "second"} {
		if got := tok.Encode(text, addSpecial); !slices.Equal(got, want) {
			t.Errorf("%s Encode(%q, %t)\n got %v\nwant %v", pass, text, addSpecial, got, want)
		}
	}
	if got, spans := tok.EncodeSpans(text, addSpecial); !slices.Equal(got, want) || len(spans) != len(want) {
		t.Errorf("EncodeSpans(%q, %t) gives %v with %d spans, want %v", text, addSpecial, got, len(spans), want)
	}
}

// TestSplitsEqualHuggingFace looks at the words themselves: a small vocabulary gives the same tokens for many a wrong split.
func TestSplitsEqualHuggingFace(t *testing.T) {
	t.Parallel()
	var oracle oracleFile
	readTestdataJSON(t, "oracle.json", &oracle)
	for name, split := range map[string]splitter{
		"gpt2": splitGPT2, "llama3": splitLlama3, "qwen2": splitQwen2, "tekken": splitTekken, "digit": splitDigit, "digit runs": splitDigitRuns,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if len(oracle.Splits[name]) != len(oracle.Texts) {
				t.Fatalf("oracle.json splits %d of %d texts; run testdata/make_oracle.py", len(oracle.Splits[name]), len(oracle.Texts))
			}
			for i, text := range oracle.Texts {
				var got []int
				for rest := text; rest != ""; rest = rest[got[len(got)-1]:] {
					got = append(got, split(rest))
				}
				if want := oracle.Splits[name][i]; !slices.Equal(got, want) {
					t.Errorf("the words of %q have lengths\n got %v\nwant %v", text, got, want)
				}
			}
		})
	}
}

func TestDecodeEqualsHuggingFace(t *testing.T) {
	t.Parallel()
	var oracle oracleFile
	readTestdataJSON(t, "oracle.json", &oracle)
	if len(oracle.Decodings) == 0 {
		t.Fatal("oracle.json has no decodings; run testdata/make_oracle.py")
	}
	tok := small(t)
	for _, d := range oracle.Decodings {
		if got := tok.Decode(d.IDs, false); got != d.Text {
			t.Errorf("Decode(%v, false) = %q, want %q", d.IDs, got, d.Text)
		}
		if got := tok.Decode(d.IDs, true); got != d.Skipped {
			t.Errorf("Decode(%v, true) = %q, want %q", d.IDs, got, d.Skipped)
		}
	}
}
