package data

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/trainer/tokenizer"
)

// TestEncodeAllKeepsTheOrder compares with the rows encoded one after the other.
func TestEncodeAllKeepsTheOrder(t *testing.T) {
	t.Parallel()
	encoder := mustEncoder(t, byteTokenizer{special: chatSpecial}, EncoderOptions{BOS: bos, EOS: eos, BlockSize: 9, Overlong: SplitBlocks})
	var rows []Row
	for i := range 10*stretchRows + 5 {
		rows = append(rows, Row{File: "f", Number: i + 1, Kind: Text, Text: strings.Repeat("x", i%31)})
	}
	var want []Sample
	for i, row := range rows {
		samples, err := encoder.Encode(row)
		if err != nil {
			t.Fatal(err)
		}
		for _, sample := range samples {
			if sample.Targets() > 0 {
				sample.Row = i
				want = append(want, sample)
			}
		}
	}
	last := 0
	got, report, err := encoder.EncodeAll(t.Context(), rows, func(done, total int) {
		if done <= last || total != len(rows) {
			t.Errorf("%d of %d rows are done after %d", done, total, last)
		}
		last = done
	})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%d samples instead of %d, or others: %v", len(got), len(want), err)
	}
	if last != len(rows) || report.Rows != len(rows) || len(report.FirstWithoutTargets) != shownRows || report.FirstWithoutTargets[shownRows-1].Number != 1+31*(shownRows-1) {
		t.Errorf("told of %d rows, report %+v", last, report)
	}
}

func TestEncodeAllTellsTheFirstBadRow(t *testing.T) {
	t.Parallel()
	encoder := mustEncoder(t, byteTokenizer{special: chatSpecial}, EncoderOptions{BOS: bos, EOS: eos})
	rows := make([]Row, 20*stretchRows)
	for i := range rows {
		rows[i] = Row{File: "f", Number: i + 1, Kind: Text, Text: "abc"}
		if i > 0 && i%(stretchRows+3) == 0 {
			rows[i].Kind = "poem"
		}
	}
	for range 20 {
		_, _, err := encoder.EncodeAll(t.Context(), rows, nil)
		if want := fmt.Sprintf("f, row %d: unknown kind", stretchRows+4); err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("got %v, want %q", err, want)
		}
	}
}

func TestEncodeAllEndsWithItsContext(t *testing.T) {
	t.Parallel()
	encoder := mustEncoder(t, byteTokenizer{special: chatSpecial}, EncoderOptions{BOS: bos, EOS: eos})
	rows := make([]Row, 1000*stretchRows)
	for i := range rows {
		rows[i] = Row{Kind: Text, Text: "abc"}
	}
	ctx, cancel := context.WithCancel(t.Context())
	reached := 0
	_, _, err := encoder.EncodeAll(ctx, rows, func(done, _ int) { reached = done; cancel() })
	if !errors.Is(err, context.Canceled) || reached > len(rows)/2 {
		t.Errorf("%d rows were encoded, error %v", reached, err)
	}
}

// BenchmarkEncodeAll encodes conversations with SmolLM2's template and a real, if
// small, tokenizer, on all processors.
func BenchmarkEncodeAll(b *testing.B) {
	var oracle chatOracle
	readTestdata(b, "chat_templates.json", &oracle)
	tok := smallTokenizer(b)
	answer := strings.Repeat("The quick brown fox jumps over the lazy dog, and then it rests. ", 8)
	for name, row := range map[string]Row{
		"text": {Kind: Text, Text: answer + answer},
		"chat": {Kind: Messages, Messages: []Message{{"user", answer}, {"assistant", answer}}},
	} {
		b.Run(name, func(b *testing.B) {
			encoder, err := NewEncoder(tok, EncoderOptions{ChatTemplate: oracle.Templates["smollm2"], BOS: 1, EOS: 2, BlockSize: 4096})
			if err != nil {
				b.Fatal(err)
			}
			rows := make([]Row, 4096)
			for i := range rows {
				rows[i] = row
			}
			b.SetBytes(int64(2 * len(answer) * len(rows)))
			for b.Loop() {
				if _, _, err := encoder.EncodeAll(b.Context(), rows, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(rows))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func smallTokenizer(t testing.TB) *tokenizer.Tokenizer {
	t.Helper()
	definition, err := os.ReadFile("testdata/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Parse(definition)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}
