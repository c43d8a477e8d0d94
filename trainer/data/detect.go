package data

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// acceptedFields ends the error about a row that has none of them.
const acceptedFields = `accepted: "text"; "prompt" with "completion"; "instruction" with "output" (and "input"); "messages" [{role, content}]; "conversations" [{from, value}]; ` +
	`"question" or "query" with "answer" or "response"; "input" with "output"; "content"; or name them, such as fields=prompt:question,completion:reply`

// The names that are detected. What the first group holds is certain; the second
// group's names mean one thing in one data set and another in the next, and so
// they count only where nothing of the first is there.
var (
	conversationFields = []string{"messages", "conversations", "conversation"}
	systemFields       = []string{"system", "system_prompt"}

	questionFields = []string{"instruction", "question", "query", "prompt"}
	answerFields   = []string{"completion", "output", "response", "answer"}
	contextFields  = []string{"input", "context"}
	textFields     = []string{"text", "content"}
)

// detect finds out what a row is made of. Two possible readings are an error: to
// take one silently could train on the wrong half of a data set. A text beside a
// structured form is no second reading, since data sets often keep the rendered
// example next to its parts.
func detect(c columns) (form, error) {
	found := structuredForms(c)
	if len(found) == 0 {
		found = looseForms(c)
	}
	switch len(found) {
	case 0:
		return form{}, unusable(c)
	case 1:
		return withSystem(c, found[0])
	default:
		return form{}, ambiguous(found)
	}
}

// structuredForms are those whose fields have no other meaning.
func structuredForms(c columns) []form {
	var found []form
	for _, name := range present(c, conversationFields) {
		found = append(found, form{Messages, Fields{Messages: name}})
	}
	if c.has("prompt") && c.has("completion") {
		found = append(found, form{PromptCompletion, Fields{Prompt: "prompt", Completion: "completion"}})
	}
	if c.has("instruction") && c.has("output") {
		fields := Fields{Instruction: "instruction", Output: "output"}
		if c.has("input") {
			fields.Input = "input"
		}
		found = append(found, form{Instruction, fields})
	}
	return found
}

// looseForms are every reading of the names that data sets use in several ways.
func looseForms(c columns) []form {
	var found []form
	for _, name := range present(c, textFields) {
		found = append(found, form{Text, Fields{Text: name}})
	}
	answers := present(c, answerFields)
	questions := present(c, questionFields)
	for _, question := range questions {
		for _, answer := range answers {
			found = append(found, questionForms(c, question, answer)...)
		}
	}
	if len(questions) == 0 && c.has("input") {
		for _, answer := range answers {
			found = append(found, form{Instruction, Fields{Instruction: "input", Output: answer}})
		}
	}
	return found
}

// questionForms pairs a question with an answer, and with what the question is
// about where the row has that too. A prompt is taken as it stands.
func questionForms(c columns, question, answer string) []form {
	if question == "prompt" {
		return []form{{PromptCompletion, Fields{Prompt: question, Completion: answer}}}
	}
	contexts := present(c, contextFields)
	if len(contexts) == 0 {
		return []form{{Instruction, Fields{Instruction: question, Output: answer}}}
	}
	var found []form
	for _, context := range contexts {
		found = append(found, form{Instruction, Fields{Instruction: question, Input: context, Output: answer}})
	}
	return found
}

// withSystem adds the system prompt to the forms that a chat template renders.
func withSystem(c columns, f form) (form, error) {
	if f.kind != Messages && f.kind != Instruction {
		return f, nil
	}
	switch names := present(c, systemFields); len(names) {
	case 0:
	case 1:
		f.fields.System = names[0]
	default:
		return form{}, fmt.Errorf("both %q and %q could be the system prompt; name the fields to take, such as fields=%s,system:%s", names[0], names[1], f.fields.setting(), names[0])
	}
	return f, nil
}

func present(c columns, names []string) []string {
	var found []string
	for _, name := range names {
		if c.has(name) {
			found = append(found, name)
		}
	}
	return found
}

func ambiguous(found []form) error {
	readings := make([]string, len(found))
	for i, f := range found {
		readings[i] = fmt.Sprintf("%s from %s", f.kind, f.fields)
	}
	return fmt.Errorf("the row can be read in %d ways: %s; name the fields to take, such as fields=%s", len(found), strings.Join(readings, "; or "), found[0].fields.setting())
}

func unusable(c columns) error {
	held, begins := c.describe()
	if len(held) == 0 {
		return errors.New("no usable field: the object is empty; " + acceptedFields)
	}
	slices.Sort(held)
	return fmt.Errorf("no usable field: it holds %s and begins %s; %s", strings.Join(held, ", "), begins, acceptedFields)
}
