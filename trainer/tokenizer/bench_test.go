package tokenizer

import (
	"strings"
	"testing"
)

// benchmarkText is about 260 kB of prose, code and other scripts: the hard texts of the oracle, joined.
func benchmarkText(b *testing.B) string {
	b.Helper()
	var oracle oracleFile
	readTestdataJSON(b, "oracle.json", &oracle)
	return strings.Repeat(strings.Join(oracle.Texts, "\n"), 10)
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
