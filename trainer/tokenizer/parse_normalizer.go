package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
)

// parseNormalizer reads the normalizer section.
func parseNormalizer(raw json.RawMessage) ([]rewrite, error) {
	steps, err := flatten(raw, "normalizer", "normalizers")
	if err != nil {
		return nil, err
	}
	var rewrites []rewrite
	for _, step := range steps {
		kind, err := componentType(step)
		if err != nil {
			return nil, fmt.Errorf("normalizer: %w", err)
		}
		if kind == "null" {
			continue
		}
		parsed, err := parseRewrites(kind, step)
		if err != nil {
			return nil, err
		}
		rewrites = append(rewrites, parsed...)
	}
	return rewrites, nil
}

func parseRewrites(kind string, raw json.RawMessage) ([]rewrite, error) {
	var by rewrite
	var err error
	switch kind {
	case "Lowercase":
		by, err = lowercase, noOptions(raw)
	case "Prepend":
		by, err = parsePrepend(raw)
	case "Replace":
		var replace replaceFile
		replace, err = parseReplace(raw)
		by = replaceText(replace.old, replace.with)
	case "Strip":
		by, err = parseStrip(raw)
	default:
		form, ok := normalizeForms[kind]
		if !ok {
			return nil, notSupported("normalizer", kind, "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Prepend", "Replace", "Strip", "Sequence", "null")
		}
		if err := noOptions(raw); err != nil {
			return nil, fmt.Errorf("normalizer %s: %w", kind, err)
		}
		return form, nil
	}
	if err != nil {
		return nil, fmt.Errorf("normalizer %s: %w", kind, err)
	}
	return []rewrite{by}, nil
}

// noOptions checks that a component has no field but its type.
func noOptions(raw json.RawMessage) error {
	var file struct {
		Type string `json:"type"`
	}
	return decodeStrict(raw, &file)
}

func parsePrepend(raw json.RawMessage) (rewrite, error) {
	var file struct {
		Type    string  `json:"type"`
		Prepend *string `json:"prepend"`
	}
	if err := decodeStrict(raw, &file); err != nil {
		return nil, err
	}
	if file.Prepend == nil {
		return nil, errors.New("prepend is missing; the file is damaged")
	}
	return prependText(*file.Prepend), nil
}

func parseStrip(raw json.RawMessage) (rewrite, error) {
	var file struct {
		Type  string `json:"type"`
		Left  *bool  `json:"strip_left"`
		Right *bool  `json:"strip_right"`
	}
	if err := decodeStrict(raw, &file); err != nil {
		return nil, err
	}
	if file.Left == nil || file.Right == nil {
		return nil, errors.New("strip_left or strip_right is missing; set both to true or false")
	}
	return stripSpace(*file.Left, *file.Right), nil
}

// patternFile is what Split and Replace look for.
type patternFile struct {
	String *string
	Regex  *string
}

// check makes sure that exactly one kind of pattern is there, and not empty.
func (p patternFile) check() error {
	if (p.String == nil) == (p.Regex == nil) || p.String != nil && *p.String == "" {
		return errors.New("pattern: want either a String that is not empty or a Regex")
	}
	return nil
}

// replaceFile is a Replace, which is a normalizer and a decoder.
type replaceFile struct{ old, with string }

func parseReplace(raw json.RawMessage) (replaceFile, error) {
	var file struct {
		Type    string      `json:"type"`
		Pattern patternFile `json:"pattern"`
		Content *string     `json:"content"`
	}
	if err := decodeStrict(raw, &file); err != nil {
		return replaceFile{}, err
	}
	if err := file.Pattern.check(); err != nil {
		return replaceFile{}, err
	}
	if file.Pattern.Regex != nil {
		return replaceFile{}, fmt.Errorf("pattern %q of kind Regex is not supported; supported: a pattern of kind String", *file.Pattern.Regex)
	}
	if file.Content == nil {
		return replaceFile{}, errors.New("content is missing; the file is damaged")
	}
	return replaceFile{*file.Pattern.String, *file.Content}, nil
}
