package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
)

// checkNormalizer accepts the absence of normalization only. NFC in particular is refused because the Hugging Face
// library normalizes by an older Unicode version than golang.org/x/text: some texts would get other ids.
func checkNormalizer(raw json.RawMessage) error {
	kind, err := componentType(raw)
	if err != nil {
		return fmt.Errorf("normalizer: %w", err)
	}
	if kind != "null" {
		return notSupported("normalizer", kind, "null")
	}
	return nil
}

// checkDecoder accepts the decoder that byte-level BPE needs. Its options do not matter for decoding.
func checkDecoder(raw json.RawMessage) error {
	kind, err := componentType(raw)
	if err != nil {
		return fmt.Errorf("decoder: %w", err)
	}
	if kind != "ByteLevel" {
		return notSupported("decoder", kind, "ByteLevel")
	}
	var file byteLevelFile
	if err := decodeStrict(raw, &file); err != nil {
		return fmt.Errorf("decoder ByteLevel: %w", err)
	}
	return nil
}

type byteLevelFile struct {
	Type           string `json:"type"`
	AddPrefixSpace *bool  `json:"add_prefix_space"`
	TrimOffsets    *bool  `json:"trim_offsets"` // of no effect here: spans are never trimmed
	UseRegex       *bool  `json:"use_regex"`    // true where it is missing
}

// parsePreTokenizer reads the pre_tokenizer section. Byte-level BPE needs a ByteLevel, and needs it last,
// since it turns text into the byte alphabet.
func parsePreTokenizer(raw json.RawMessage) (preTokenizer, error) {
	steps, err := flatten(raw, "pre_tokenizer", "pretokenizers")
	if err != nil {
		return preTokenizer{}, err
	}
	pre := preTokenizer{spacePrefix: noSpacePrefix}
	for i, step := range steps {
		isLast := i == len(steps)-1
		kind, err := componentType(step)
		if err != nil {
			return preTokenizer{}, fmt.Errorf("pre_tokenizer: %w", err)
		}
		if isLast != (kind == "ByteLevel") {
			return preTokenizer{}, misplaced(kind)
		}
		if err := pre.addStep(kind, step); err != nil {
			return preTokenizer{}, fmt.Errorf("pre_tokenizer %s: %w", kind, err)
		}
	}
	return pre, nil
}

// misplaced is the error for a step that is not ByteLevel at the end, or is ByteLevel before it.
func misplaced(kind string) error {
	switch kind {
	case "ByteLevel", "Digits", "Split":
		return errors.New("pre_tokenizer: ByteLevel must be the last step, and the only ByteLevel; other orders are not supported")
	}
	return notSupported("pre_tokenizer", kind, "ByteLevel", "Digits", "Split", "Sequence")
}

func (p *preTokenizer) addStep(kind string, raw json.RawMessage) error {
	switch kind {
	case "ByteLevel":
		return p.addByteLevel(raw)
	case "Digits":
		return p.addDigits(raw)
	case "Split":
		return p.addSplit(raw)
	}
	return misplaced(kind)
}

func (p *preTokenizer) addByteLevel(raw json.RawMessage) error {
	var file byteLevelFile
	if err := decodeStrict(raw, &file); err != nil {
		return err
	}
	if file.AddPrefixSpace == nil {
		return errors.New("add_prefix_space is missing; set it to true or false")
	}
	if *file.AddPrefixSpace {
		p.spacePrefix = len(p.splits)
	}
	if file.UseRegex == nil || *file.UseRegex {
		p.splits = append(p.splits, splitGPT2)
	}
	return nil
}

func (p *preTokenizer) addDigits(raw json.RawMessage) error {
	var file struct {
		Type             string `json:"type"`
		IndividualDigits *bool  `json:"individual_digits"`
	}
	if err := decodeStrict(raw, &file); err != nil {
		return err
	}
	if file.IndividualDigits == nil {
		return errors.New("individual_digits is missing; set it to true or false")
	}
	if *file.IndividualDigits {
		p.splits = append(p.splits, splitDigit)
	} else {
		p.splits = append(p.splits, splitDigitRuns)
	}
	return nil
}

func (p *preTokenizer) addSplit(raw json.RawMessage) error {
	var file struct {
		Type    string `json:"type"`
		Pattern struct {
			Regex  *string
			String *string
		} `json:"pattern"`
		Behavior string `json:"behavior"`
		Invert   bool   `json:"invert"`
	}
	if err := decodeStrict(raw, &file); err != nil {
		return err
	}
	if file.Behavior != "Isolated" || file.Invert {
		return fmt.Errorf("behavior %q with invert %t is not supported; supported: \"Isolated\" with invert false", file.Behavior, file.Invert)
	}
	if file.Pattern.Regex == nil {
		return errors.New("only a pattern of kind Regex is supported")
	}
	switch *file.Pattern.Regex {
	case patternLlama3:
		p.splits = append(p.splits, splitLlama3)
	case patternQwen2:
		p.splits = append(p.splits, splitQwen2)
	default:
		return fmt.Errorf("pattern %q is not supported; supported: those of Llama 3 and Qwen2", *file.Pattern.Regex)
	}
	return nil
}

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
