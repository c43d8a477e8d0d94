package data

import (
	"fmt"
	"slices"
	"strings"
)

// columns are the named values of one row or of one message, whatever the format
// of the file.
type columns interface {
	// holds reports whether the field is there, and has whether it is also not
	// null: exports of tables fill the columns that a row does not use with null.
	holds(name string) bool
	has(name string) bool
	// blank reports whether the field is missing, null, an empty list or object, or
	// a string of white space at most.
	blank(name string) bool
	// zero reports whether the field is the number 0 or false.
	zero(name string) bool
	// text returns a field that must be a string, in UTF-8.
	text(name string) (string, error)
	// turns returns a field that must be a list of objects.
	turns(name string) ([]columns, error)
	// describe lists the fields with their types, and how the whole begins.
	describe() (held []string, begins string)
}

// rowParser makes rows of columns and counts in which forms they came.
type rowParser struct {
	named    *form // nil: detected row by row
	detected []Detected
}

func newRowParser(fields Fields) (*rowParser, error) {
	named, given, err := fields.form()
	if err != nil {
		return nil, err
	}
	if !given {
		return &rowParser{}, nil
	}
	return &rowParser{named: &named}, nil
}

func (p *rowParser) row(c columns) (Row, error) {
	f, err := p.form(c)
	if err != nil {
		return Row{}, err
	}
	row, err := f.row(c)
	if err != nil {
		return Row{}, err
	}
	p.count(f)
	return row, nil
}

func (p *rowParser) form(c columns) (form, error) {
	if p.named == nil {
		return detect(c)
	}
	optional := []string{p.named.fields.Input, p.named.fields.System, p.named.fields.Role, p.named.fields.Content}
	for _, part := range p.named.fields.parts() {
		if !c.has(part.field) && !slices.Contains(optional, part.field) {
			held, begins := c.describe()
			slices.Sort(held)
			return form{}, fmt.Errorf("field %q, named as %s, is missing or null; the row holds %s and begins %s", part.field, part.role, strings.Join(held, ", "), begins)
		}
	}
	return *p.named, nil
}

// wanted lists the fields that a row may be made of.
func (p *rowParser) wanted() []string {
	if p.named == nil {
		return slices.Concat(conversationFields, systemFields, questionFields, answerFields, contextFields, textFields)
	}
	var names []string
	for _, part := range p.named.fields.parts() {
		names = append(names, part.field)
	}
	return names
}

func (p *rowParser) count(f form) {
	for i := range p.detected {
		if p.detected[i].Kind == f.kind && p.detected[i].Fields == f.fields {
			p.detected[i].Rows++
			return
		}
	}
	p.detected = append(p.detected, Detected{Kind: f.kind, Fields: f.fields, Rows: 1})
}

// row reads the fields of the form.
func (f form) row(c columns) (Row, error) {
	row := Row{Kind: f.kind}
	var err error
	switch f.kind {
	case Text:
		row.Text, err = c.text(f.fields.Text)
		return row, err
	case Messages:
		row.Messages, err = conversation(c, f.fields)
	case PromptCompletion:
		row.Prompt, row.Completion, err = bothTexts(c, f.fields.Prompt, f.fields.Completion)
	case Instruction:
		row.Prompt, row.Completion, err = bothTexts(c, f.fields.Instruction, f.fields.Output)
		if err == nil {
			row.Prompt, err = withInput(c, row.Prompt, f.fields.Input)
		}
	}
	if err != nil || f.fields.System == "" || c.blank(f.fields.System) {
		return row, err
	}
	system, err := c.text(f.fields.System)
	if err != nil {
		return Row{}, err
	}
	return underSystem(row, system)
}

func bothTexts(c columns, first, second string) (string, string, error) {
	one, err := c.text(first)
	if err != nil {
		return "", "", err
	}
	two, err := c.text(second)
	return one, two, err
}

func withInput(c columns, prompt, field string) (string, error) {
	if field == "" || c.blank(field) {
		return prompt, nil
	}
	input, err := c.text(field)
	return prompt + "\n\n" + input, err
}

// underSystem makes the row a conversation that begins with a system prompt.
func underSystem(row Row, system string) (Row, error) {
	if row.Kind != Messages {
		row = Row{Kind: Messages, Messages: []Message{{Role: "user", Content: row.Prompt}, {Role: "assistant", Content: row.Completion}}}
	}
	if row.Messages[0].Role == "system" {
		if row.Messages[0].Content == system {
			return row, nil
		}
		return Row{}, fmt.Errorf("the row has two system prompts: a field of its own, and the first message, which begins %q; keep one", excerpt([]byte(row.Messages[0].Content)))
	}
	row.Messages = slices.Insert(row.Messages, 0, Message{Role: "system", Content: system})
	return row, nil
}
