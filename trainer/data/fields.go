package data

import (
	"errors"
	"fmt"
	"strings"
)

// Fields names the fields that rows are made of, where their own names are not
// among those that are detected. The zero value leaves all to detection. It is
// one of four forms:
//
//	Text
//	Prompt and Completion, and System where there is one
//	Instruction and Output, and Input and System where there are
//	Messages, and Role, Content (both or neither) and System where there are
//
// Input and System may be missing, null or empty in a row; the others may not be
// missing or null. Role and Content are keys of each message.
type Fields struct {
	Text        string
	Prompt      string
	Completion  string
	Instruction string
	Input       string
	Output      string
	Messages    string
	Role        string
	Content     string
	System      string
}

// form is what one row is made of; unlike Fields, it is always one of the forms.
type form struct {
	kind   Kind
	fields Fields
}

// form returns the form that is named, and false when none is.
func (f Fields) form() (form, bool, error) {
	if f == (Fields{}) {
		return form{}, false, nil
	}
	var kinds []Kind
	add := func(kind Kind, named bool) {
		if named {
			kinds = append(kinds, kind)
		}
	}
	add(Text, f.Text != "")
	add(PromptCompletion, f.Prompt != "" || f.Completion != "")
	add(Instruction, f.Instruction != "" || f.Output != "" || f.Input != "")
	add(Messages, f.Messages != "" || f.Role != "" || f.Content != "")
	switch len(kinds) {
	case 0:
		return form{}, false, errors.New("the field of the system prompt is named alone; name prompt and completion, instruction and output, or messages as well")
	case 1:
		return form{kind: kinds[0], fields: f}, true, f.complete(kinds[0])
	default:
		return form{}, false, fmt.Errorf("the named fields are of several forms (%s and %s); name those of one: text, prompt and completion, instruction and output, or messages", kinds[0], kinds[1])
	}
}

// complete says what is missing of a form or named beside it.
func (f Fields) complete(kind Kind) error {
	switch {
	case kind == Text && f.System != "":
		return errors.New("a text has no system prompt; name the fields of prompt and completion instead")
	case kind == PromptCompletion && (f.Prompt == "" || f.Completion == ""):
		return errors.New("prompt and completion belong together; name both fields")
	case kind == Instruction && (f.Instruction == "" || f.Output == ""):
		return errors.New("instruction and output belong together; name both fields")
	case kind == Messages && f.Messages == "":
		return errors.New("role and content are keys of the messages; name the field of the messages too")
	case (f.Role == "") != (f.Content == ""):
		return errors.New("role and content belong together; name both keys")
	}
	return nil
}

// fieldRole is one field of a form and what it serves as.
type fieldRole struct{ field, role string }

// parts lists the fields that are named.
func (f Fields) parts() []fieldRole {
	var named []fieldRole
	for _, p := range []fieldRole{
		{f.Text, "text"}, {f.System, "system"}, {f.Prompt, "prompt"}, {f.Completion, "completion"},
		{f.Instruction, "instruction"}, {f.Input, "input"}, {f.Output, "output"}, {f.Messages, "messages"}, {f.Role, "role"}, {f.Content, "content"},
	} {
		if p.field != "" {
			named = append(named, p)
		}
	}
	return named
}

// String lists the fields and what they serve as: "question" as instruction.
func (f Fields) String() string {
	var said []string
	for _, p := range f.parts() {
		if p.field == p.role {
			said = append(said, fmt.Sprintf("%q", p.field))
		} else {
			said = append(said, fmt.Sprintf("%q as %s", p.field, p.role))
		}
	}
	return strings.Join(said, ", ")
}

// setting is how a user names the fields: prompt:question,completion:answer.
func (f Fields) setting() string {
	var pairs []string
	for _, p := range f.parts() {
		pairs = append(pairs, p.role+":"+p.field)
	}
	return strings.Join(pairs, ",")
}

// Detected says which fields rows were read from, whether found or named. Fields
// that are not in it were ignored.
type Detected struct {
	Kind   Kind
	Fields Fields
	Rows   int // how many rows have this form
}

// String says it in one line: 3 rows: instruction from "question" as instruction,
// "answer" as output.
func (d Detected) String() string {
	from := d.Fields.String()
	if from == "" {
		from = "the documents of text files"
	}
	return fmt.Sprintf("%d rows: %s from %s", d.Rows, d.Kind, from)
}
