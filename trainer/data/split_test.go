package data

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func textRows(texts ...string) []Row {
	rows := make([]Row, len(texts))
	for i, text := range texts {
		rows[i] = Row{File: "f", Number: i + 1, Kind: Text, Text: text}
	}
	return rows
}

func TestSplitProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows := textRows(rapid.SliceOfN(rapid.StringMatching("[a-f]{1,2}"), 0, 50).Draw(t, "texts")...)
		fraction := rapid.Float64Range(0, 0.99).Draw(t, "fraction")
		seed := rapid.Int64().Draw(t, "seed")
		train, validation, err := Split(rows, fraction, seed)
		if err != nil {
			t.Fatal(err)
		}
		side := map[string]string{}
		for name, part := range map[string][]Row{"train": train, "validation": validation} {
			if !slices.IsSortedFunc(part, func(a, b Row) int { return a.Number - b.Number }) {
				t.Fatalf("%s is out of order", name)
			}
			for _, row := range part {
				if other, seen := side[row.Text]; seen && other != name {
					t.Fatalf("%q is on both sides", row.Text)
				}
				side[row.Text] = name
			}
		}
		if len(train)+len(validation) != len(rows) {
			t.Fatalf("%d + %d of %d rows", len(train), len(validation), len(rows))
		}
		if fraction > 0 && len(side) >= 2 && (len(train) == 0 || len(validation) == 0) {
			t.Fatalf("%d for training, %d for validation", len(train), len(validation))
		}
		if (fraction == 0 || len(side) < 2) && len(validation) > 0 {
			t.Fatal("validation rows where none are due")
		}
		// The order of rows does not matter to their sides.
		slices.Reverse(rows)
		again, _, _ := Split(rows, fraction, seed)
		for _, row := range again {
			if side[row.Text] != "train" {
				t.Fatalf("%q changes side when the rows are reversed", row.Text)
			}
		}
	})
}

func TestSplitShares(t *testing.T) {
	t.Parallel()
	rows := make([]Row, 10000)
	for i := range rows {
		rows[i] = Row{Kind: PromptCompletion, Prompt: fmt.Sprint(i), Completion: "x"}
	}
	_, first, err := Split(rows, 0.05, 1)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(first); n < 400 || n > 600 { // 500 expected, standard deviation 22
		t.Errorf("%d of 10000 rows are for validation at 0.05", n)
	}
	_, wider, _ := Split(rows, 0.1, 1)
	held := map[string]bool{}
	for _, row := range wider {
		held[row.Prompt] = true
	}
	for _, row := range first {
		if !held[row.Prompt] {
			t.Fatal("a row leaves validation when the fraction grows")
		}
	}
	_, other, _ := Split(rows, 0.05, 2)
	if reflect.DeepEqual(first, other) {
		t.Error("the seed changes nothing")
	}
}

func TestSplitErrors(t *testing.T) {
	t.Parallel()
	for _, fraction := range []float64{-0.1, 1, 2, math.NaN(), math.Inf(1)} {
		if _, _, err := Split(textRows("a", "b"), fraction, 1); err == nil {
			t.Errorf("no error for %v", fraction)
		}
	}
}

// TestContentDigest: what a row says decides, and every part counts.
func TestContentDigest(t *testing.T) {
	t.Parallel()
	rows := []Row{
		{Kind: Text, Text: "ab"}, {Kind: Text, Text: "a"}, {Kind: PromptCompletion, Prompt: "a", Completion: "b"}, {Kind: PromptCompletion, Prompt: "ab"},
		{Kind: Messages, Messages: []Message{{"user", "a"}, {"assistant", "b"}}},
		{Kind: Messages, Messages: []Message{{"user", "ab"}}}, {Kind: Messages, Messages: []Message{{"assistant", "ab"}}},
	}
	seen := map[[32]byte]int{}
	for i, row := range rows {
		digest := contentDigest(row, 1)
		if j, twice := seen[digest]; twice {
			t.Errorf("rows %d and %d have one digest", j, i)
		}
		seen[digest] = i
		row.File, row.Number = "elsewhere", 99
		if contentDigest(row, 1) != digest {
			t.Errorf("the place of row %d changes its digest", i)
		}
	}
	// The same question and answer in another form is the same document, and must not fall on the other side.
	asked, instructed := Row{Kind: PromptCompletion, Prompt: "a", Completion: "b"}, Row{Kind: Instruction, Prompt: "a", Completion: "b"}
	if contentDigest(asked, 1) != contentDigest(instructed, 1) {
		t.Error("the form of a row changes its digest")
	}
}

func TestOverlapCountsHeldOutRowsThatAreTrainedOn(t *testing.T) {
	t.Parallel()
	if got := Overlap(textRows("a", "b", "c"), textRows("c", "d", "a", "a")); got != 3 {
		t.Errorf("%d rows overlap, want 3", got)
	}
	if got := Overlap(textRows("a"), nil); got != 0 {
		t.Errorf("%d rows overlap with none", got)
	}
}
