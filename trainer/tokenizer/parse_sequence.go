package tokenizer

import (
	"encoding/json"
	"fmt"
)

// flatten gives the steps of a section, those of a Sequence (of Sequences) in order. list names the field that holds the
// steps of a Sequence. An absent section gives one absent step.
func flatten(raw json.RawMessage, section, list string) ([]json.RawMessage, error) {
	kind, err := componentType(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", section, err)
	}
	if kind != "Sequence" {
		return []json.RawMessage{raw}, nil
	}
	var sequence map[string]json.RawMessage
	if err := json.Unmarshal(raw, &sequence); err != nil {
		return nil, fmt.Errorf("%s Sequence: %w", section, err)
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(sequence[list], &parts); err != nil || len(parts) == 0 || len(sequence) != 2 {
		return nil, fmt.Errorf("%s Sequence: want the field %s, a list that is not empty, and no other", section, list)
	}
	var steps []json.RawMessage
	for _, part := range parts {
		inner, err := flatten(part, section, list)
		if err != nil {
			return nil, err
		}
		steps = append(steps, inner...)
	}
	return steps, nil
}
