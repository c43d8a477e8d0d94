package data

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// conversation reads a list of turns, whose role and text are in the named keys.
func (f fields) conversation(field, roleKey, contentKey string) (Row, error) {
	var turns []json.RawMessage
	if err := json.Unmarshal(f[field], &turns); err != nil {
		return Row{}, fmt.Errorf("field %q must be a list of messages, not %s; it begins %s", field, jsonType(f[field]), excerpt(f[field]))
	}
	if len(turns) == 0 {
		return Row{}, fmt.Errorf("field %q is an empty list; give at least one message", field)
	}
	row := Row{Kind: Messages, Messages: make([]Message, len(turns))}
	for i, turn := range turns {
		message, err := parseMessage(turn, roleKey, contentKey)
		if err != nil {
			return Row{}, fmt.Errorf("field %q, message %d: %w", field, i+1, err)
		}
		row.Messages[i] = message
	}
	return row, nil
}

// roles maps the names that data sets use to the names that templates expect.
var roles = map[string]map[string]string{
	"role": {"system": "system", "developer": "developer", "user": "user", "assistant": "assistant", "tool": "tool"},
	"from": {"system": "system", "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "tool": "tool"},
}

func parseMessage(raw json.RawMessage, roleKey, contentKey string) (Message, error) {
	var f fields
	if err := json.Unmarshal(raw, &f); err != nil || f == nil {
		return Message{}, fmt.Errorf("it must be an object with %q and %q, not %s", roleKey, contentKey, jsonType(raw))
	}
	for _, name := range []string{roleKey, contentKey} {
		if _, present := f[name]; !present {
			return Message{}, fmt.Errorf("%q is missing; it begins %s", name, excerpt(raw))
		}
	}
	// These change what the turn says, so leaving them out would train on another
	// conversation than the one in the file.
	for _, name := range []string{"tool_calls", "function_call", "reasoning_content"} {
		if f.has(name) && string(f[name]) != "[]" {
			return Message{}, fmt.Errorf("%q is not supported; write what the turn says into %q", name, contentKey)
		}
	}
	given, err := f.text(roleKey)
	if err != nil {
		return Message{}, err
	}
	role, known := roles[roleKey][given]
	if !known {
		names := make([]string, 0, len(roles[roleKey]))
		for name := range roles[roleKey] {
			names = append(names, name)
		}
		slices.Sort(names)
		return Message{}, fmt.Errorf("unknown %s %q; accepted: %s", roleKey, excerpt([]byte(given)), strings.Join(names, ", "))
	}
	content, err := f.text(contentKey)
	return Message{Role: role, Content: content}, err
}
