package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// parsePostProcessor reads the post_processor section: which tokens are put around a single text.
func parsePostProcessor(raw json.RawMessage) (specialTokens, error) {
	steps, err := flatten(raw, "post_processor", "processors")
	if err != nil {
		return specialTokens{}, err
	}
	var tokens specialTokens
	templates := 0
	for _, step := range steps {
		kind, err := componentType(step)
		if err != nil {
			return specialTokens{}, fmt.Errorf("post_processor: %w", err)
		}
		switch kind {
		case "null":
		case "ByteLevel": // trims offsets, which are never trimmed here
			err = decodeStrict(step, &byteLevelFile{})
		case "TemplateProcessing":
			tokens, err = parseTemplate(step)
			templates++
		case "BertProcessing", "RobertaProcessing":
			tokens, err = parseClassifier(step)
			templates++
		default:
			return specialTokens{}, notSupported("post_processor", kind, "ByteLevel", "TemplateProcessing", "BertProcessing", "RobertaProcessing", "Sequence", "null")
		}
		if err != nil {
			return specialTokens{}, fmt.Errorf("post_processor %s: %w", kind, err)
		}
	}
	if templates > 1 {
		return specialTokens{}, errors.New("post_processor: more than one step that adds tokens is not supported")
	}
	return tokens, nil
}

// templatePiece is a place in a template: for the text ("A"), or for a special token.
type templatePiece struct {
	Sequence     *templateName
	SpecialToken *templateName
}

type templateName struct {
	ID     string `json:"id"`
	TypeID int    `json:"type_id"`
}

type templateFile struct {
	Type          string          `json:"type"`
	Single        []templatePiece `json:"single"`
	Pair          json.RawMessage `json:"pair"` // for two texts, which are never encoded together here
	SpecialTokens map[string]struct {
		ID     string   `json:"id"`
		IDs    []int32  `json:"ids"`
		Tokens []string `json:"tokens"`
	} `json:"special_tokens"`
}

func parseTemplate(raw json.RawMessage) (specialTokens, error) {
	var file templateFile
	if err := decodeStrict(raw, &file); err != nil {
		return specialTokens{}, err
	}
	var tokens specialTokens
	texts := 0
	for i, piece := range file.Single {
		switch {
		case (piece.Sequence == nil) == (piece.SpecialToken == nil):
			return specialTokens{}, fmt.Errorf("single[%d]: want either a Sequence or a SpecialToken", i)
		case piece.Sequence != nil:
			if piece.Sequence.ID != "A" {
				return specialTokens{}, fmt.Errorf("single[%d]: sequence %q is not supported; supported: \"A\"", i, piece.Sequence.ID)
			}
			texts++
		default:
			token, ok := file.SpecialTokens[piece.SpecialToken.ID]
			if !ok {
				return specialTokens{}, fmt.Errorf("single[%d]: %q is not in special_tokens; the file is inconsistent", i, piece.SpecialToken.ID)
			}
			if texts == 0 {
				tokens.before = append(tokens.before, token.IDs...)
			} else {
				tokens.after = append(tokens.after, token.IDs...)
			}
		}
	}
	if texts != 1 {
		return specialTokens{}, errors.New("single: want the sequence \"A\" exactly once")
	}
	return tokens, nil
}

// parseClassifier reads a BertProcessing or RobertaProcessing: the token cls comes before the text, sep after it.
func parseClassifier(raw json.RawMessage) (specialTokens, error) {
	var file struct {
		Type           string          `json:"type"`
		Sep            classifierToken `json:"sep"`
		Cls            classifierToken `json:"cls"`
		TrimOffsets    *bool           `json:"trim_offsets"` // of no effect here: spans are never trimmed
		AddPrefixSpace *bool           `json:"add_prefix_space"`
	}
	if err := decodeStrict(raw, &file); err != nil {
		return specialTokens{}, err
	}
	if file.Sep.id == nil || file.Cls.id == nil {
		return specialTokens{}, errors.New("want sep and cls")
	}
	return specialTokens{before: []int32{*file.Cls.id}, after: []int32{*file.Sep.id}}, nil
}

// classifierToken is written as ["</s>", 2].
type classifierToken struct{ id *int32 }

// UnmarshalJSON implements [json.Unmarshaler].
func (t *classifierToken) UnmarshalJSON(data []byte) error {
	var text string
	pair := []any{&text, &t.id}
	if err := json.Unmarshal(data, &pair); err != nil || len(pair) != 2 || t.id == nil {
		return fmt.Errorf("%s: want a token and its id, as in [\"</s>\", 2]", data)
	}
	return nil
}

// checkSpecial makes sure that the tokens put around a text exist.
func (d *definition) checkSpecial() error {
	known := make(map[int32]bool, len(d.vocabulary)+len(d.added))
	for _, id := range d.vocabulary {
		known[id] = true
	}
	for _, token := range d.added {
		known[token.id] = true
	}
	for _, id := range slices.Concat(d.special.before, d.special.after) {
		if !known[id] {
			return fmt.Errorf("post_processor: id %d is not in the vocabulary; the file is inconsistent", id)
		}
	}
	return nil
}
