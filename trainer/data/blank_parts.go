package data

import "strings"

// Tally counts rows of one kind and names the first few.
type Tally struct {
	Rows  int
	First []RowRef
}

func (t *Tally) add(ref RowRef) {
	t.Rows++
	if len(t.First) < shownRows {
		t.First = append(t.First, ref)
	}
}

// addAll counts further rows.
func (t *Tally) addAll(more Tally) {
	t.Rows += more.Rows
	t.First = append(t.First, more.First[:min(len(more.First), shownRows-len(t.First))]...)
}

// blankParts looks for parts of a row that hold nothing but white space. Such a row is trained on as it stands, so that it
// has to be told of: an empty answer teaches a model to say nothing.
func (r *Report) blankParts(row Row) {
	blank := func(text string) bool { return strings.TrimSpace(text) == "" }
	prompt, answer := false, false
	switch row.Kind {
	case Text:
		if blank(row.Text) {
			r.BlankTexts.add(RowRef{row.File, row.Number})
		}
	case PromptCompletion, Instruction:
		prompt, answer = blank(row.Prompt), blank(row.Completion)
	case Messages:
		for _, message := range row.Messages {
			prompt = prompt || message.Role == "user" && blank(message.Content)
			answer = answer || message.Role == "assistant" && blank(message.Content)
		}
	}
	if prompt {
		r.BlankPrompts.add(RowRef{row.File, row.Number})
	}
	if answer {
		r.BlankAnswers.add(RowRef{row.File, row.Number})
	}
}
