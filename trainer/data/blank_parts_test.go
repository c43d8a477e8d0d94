package data

import (
	"fmt"
	"strings"
	"testing"
)

// Under every template, a row that says nothing where something should be said is counted and named, or refused by its
// number.
func TestRowsThatSayNothingAreToldOf(t *testing.T) {
	t.Parallel()
	var oracle chatOracle
	readTestdata(t, "chat_templates.json", &oracle)
	tok := smallTokenizer(t)
	asked := Message{"user", "What is it?"}
	for template, text := range oracle.Templates {
		encoder, err := NewEncoder(tok, EncoderOptions{ChatTemplate: text, BOS: 1, EOS: 2, BOSToken: "<s>", EOSToken: "</s>", BlockSize: 1000})
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		for _, c := range []struct {
			row  Row
			want string
		}{
			{Row{Kind: Text, Text: " \n"}, "have a text of white space alone"},
			{Row{Kind: Text}, "no target token"},
			{Row{Kind: PromptCompletion, Prompt: "  ", Completion: "yes"}, "empty prompt"},
			{Row{Kind: PromptCompletion, Prompt: "What?", Completion: "\n"}, "empty answer"},
			{Row{Kind: Instruction, Prompt: " ", Completion: "yes"}, "empty prompt"},
			{Row{Kind: Instruction, Prompt: "What?"}, "empty answer"},
			{Row{Kind: Messages, Messages: []Message{asked, {"assistant", ""}}}, "empty answer"},
			{Row{Kind: Messages, Messages: []Message{asked, {"assistant", " "}, asked, {"assistant", "This."}}}, "empty answer"},
			{Row{Kind: Messages, Messages: []Message{{"user", "  "}, {"assistant", "This."}}}, "empty prompt"},
			{Row{Kind: Messages, Messages: []Message{{"system", "Be brief."}}}, "no target token"},
			{Row{Kind: Messages, Messages: []Message{asked}}, "no target token"},
		} {
			c.row.File, c.row.Number = "rows.jsonl", 7
			good := Row{File: "rows.jsonl", Number: 8, Kind: Text, Text: "a good one"}
			_, report, err := encoder.EncodeAll(t.Context(), []Row{c.row, good}, nil)
			if err != nil {
				if !strings.Contains(err.Error(), "rows.jsonl, row 7: ") {
					t.Errorf("%s, %+v: %v", template, c.row, err)
				}
				continue
			}
			warnings := report.Warnings("training", 1000)
			if len(warnings) != 1 || !strings.HasPrefix(warnings[0], "1 of 2 training rows ") || !strings.Contains(warnings[0], c.want) || !strings.Contains(warnings[0], "row 7 of rows.jsonl") {
				t.Errorf("%s, %+v: warned %q, want %q", template, c.row, warnings, c.want)
			}
		}
	}
}

func TestTalliesNameTheFirstFewRows(t *testing.T) {
	t.Parallel()
	encoder := mustEncoder(t, byteTokenizer{special: chatSpecial}, EncoderOptions{BOS: bos, EOS: eos})
	var rows []Row
	for i := range 3 * stretchRows {
		rows = append(rows, Row{File: "f", Number: i + 1, Kind: PromptCompletion, Prompt: "x", Completion: strings.Repeat("y", i%2)})
	}
	_, report, err := encoder.EncodeAll(t.Context(), rows, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%d of %d scored rows have an empty answer, which teaches the model to say nothing (the first: rows 1, 3, 5, 7, 9, 11, 13, 15, 17, 19 of f)",
		3*stretchRows/2, 3*stretchRows)
	if warnings := report.Warnings("scored", 1000); len(warnings) != 1 || warnings[0] != want {
		t.Errorf("warned %q", warnings)
	}
}
