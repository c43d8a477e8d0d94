package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// acceptedFields ends the error about a row that has none of them.
const acceptedFields = `accepted: "text"; "prompt" with "completion"; "instruction" with "output" (and "input"); "messages" [{role, content}]; "conversations" [{from, value}]`

// fields are the members of a row's JSON object.
type fields map[string]json.RawMessage

// has reports whether a field is there and not null: exports of tables fill the
// columns that a row does not use with null.
func (f fields) has(name string) bool {
	raw, present := f[name]
	return present && string(raw) != "null"
}

// parseRow reads one JSON object. Where a row has the fields of several kinds,
// the one with most structure wins: messages, conversations, prompt and
// completion, instruction and output, text.
func parseRow(raw []byte) (Row, error) {
	if err := checkSurrogates(raw); err != nil {
		return Row{}, err
	}
	var f fields
	if err := json.Unmarshal(raw, &f); err != nil {
		return Row{}, notAnObject(raw, err)
	}
	if f == nil {
		return Row{}, errors.New("the row is null, not a JSON object")
	}
	switch {
	case f.has("messages"):
		return f.conversation("messages", "role", "content")
	case f.has("conversations"):
		return f.conversation("conversations", "from", "value")
	case f.has("prompt") && f.has("completion"):
		return f.promptCompletion()
	case f.has("instruction") && f.has("output"):
		return f.instruction()
	case f.has("text"):
		text, err := f.text("text")
		return Row{Kind: Text, Text: text}, err
	default:
		return Row{}, f.unusable(raw)
	}
}

func notAnObject(raw []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("invalid JSON at column %d: %w", syntax.Offset, err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("invalid JSON: the row is cut short")
	}
	return fmt.Errorf("the row is %s, not a JSON object; it begins %s", jsonType(raw), excerpt(raw))
}

func (f fields) unusable(raw []byte) error {
	if len(f) == 0 {
		return errors.New("no usable field: the object is empty; " + acceptedFields)
	}
	held := make([]string, 0, len(f))
	for name, value := range f {
		held = append(held, fmt.Sprintf("%q (%s)", excerpt([]byte(name)), jsonType(value)))
	}
	slices.Sort(held)
	return fmt.Errorf("no usable field: it holds %s and begins %s; %s", strings.Join(held, ", "), excerpt(raw), acceptedFields)
}

// text returns a field that must be a string.
func (f fields) text(name string) (string, error) {
	var value string
	if err := json.Unmarshal(f[name], &value); err != nil || string(f[name]) == "null" {
		return "", fmt.Errorf("field %q must be a string, not %s; it begins %s", name, jsonType(f[name]), excerpt(f[name]))
	}
	return value, nil
}

func (f fields) promptCompletion() (Row, error) {
	prompt, err := f.text("prompt")
	if err != nil {
		return Row{}, err
	}
	completion, err := f.text("completion")
	return Row{Kind: PromptCompletion, Prompt: prompt, Completion: completion}, err
}

func (f fields) instruction() (Row, error) {
	prompt, err := f.text("instruction")
	if err != nil {
		return Row{}, err
	}
	if f.has("input") {
		input, err := f.text("input")
		if err != nil {
			return Row{}, err
		}
		if input != "" {
			prompt += "\n\n" + input
		}
	}
	output, err := f.text("output")
	return Row{Kind: Instruction, Prompt: prompt, Completion: output}, err
}
