package tokenizer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// benchmarkText is code and prose, the sources of this package, and all scripts, the hard texts of the oracle.
func benchmarkText(b *testing.B) string {
	b.Helper()
	sources, err := filepath.Glob("*.go")
	if err != nil {
		b.Fatal(err)
	}
	var text strings.Builder
	for _, name := range sources {
		source, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		text.Write(source)
	}
	var oracle oracleFile
	readTestdataJSON(b, "oracle.json", &oracle)
	text.WriteString(strings.Join(oracle.Texts, "\n"))
	return text.String()
}

// BenchmarkEncodeCold starts each round with an empty cache.
func BenchmarkEncodeCold(b *testing.B) {
	text := benchmarkText(b)
	tok := small(b)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tok.model.cache = newWordCache()
		tok.Encode(text, false)
	}
}

func BenchmarkEncodeWarm(b *testing.B) {
	text := benchmarkText(b)
	tok := small(b)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tok.Encode(text, false)
	}
}

// BenchmarkEncodeFamilies encodes by the components of each family, with and without spans. The vocabularies are small: those of
// the models themselves have longer words and larger tables.
func BenchmarkEncodeFamilies(b *testing.B) {
	text := benchmarkText(b)
	for _, family := range readFamilies(b).Families {
		switch family.Name {
		case "llama2", "metaspace first, split true", "gemma", "qwen2", "gpt-neox", "tekken":
		default:
			continue
		}
		tok := family.tokenizer(b)
		b.Run(family.Name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				tok.Encode(text, false)
			}
		})
		b.Run(family.Name+", spans", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				tok.EncodeSpans(text, false)
			}
		})
	}
}

func BenchmarkEncodeLongWord(b *testing.B) {
	text := strings.Repeat("thestatement", 1<<16)
	tok := small(b)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tok.Encode(text, false)
	}
}

func BenchmarkDecode(b *testing.B) {
	text := benchmarkText(b)
	tok := small(b)
	ids := tok.Encode(text, false)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tok.Decode(ids, false)
	}
}

func BenchmarkParse(b *testing.B) {
	file := readTestdata(b, "tokenizer.json")
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		mustParse(b, file)
	}
}
