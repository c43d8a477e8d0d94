package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// tokenizerFile is a tokenizer.json. Truncation and padding are read only so that they are not unknown fields.
type tokenizerFile struct {
	Version       *string         `json:"version"`
	Truncation    json.RawMessage `json:"truncation"`
	Padding       json.RawMessage `json:"padding"`
	AddedTokens   []addedEntry    `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         json.RawMessage `json:"model"`
}

// Parse builds a tokenizer from the contents of a Hugging Face tokenizer.json. The error says which component or field is
// not supported, or what is wrong with the file.
//
// Supported are the components that published BPE tokenizers are made of; the error for another one lists those of its section. Not supported
// is a model other than BPE, or one with dropout or affixes. Truncation and padding are left aside: Encode gives every token of the
// text and no other.
func Parse(tokenizerJSON []byte) (*Tokenizer, error) {
	var file tokenizerFile
	if err := decodeStrict(tokenizerJSON, &file); err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	d, err := file.definition()
	if err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	built, err := d.build()
	if err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	return built, nil
}

func (f *tokenizerFile) definition() (*definition, error) {
	if f.Version != nil && *f.Version != "1.0" {
		return nil, fmt.Errorf("version %q is not supported; supported: \"1.0\"", *f.Version)
	}
	d := &definition{}
	var err error
	if d.normalizer, err = parseNormalizer(f.Normalizer); err != nil {
		return nil, err
	}
	if d.preTokenizer, err = parsePreTokenizer(f.PreTokenizer); err != nil {
		return nil, err
	}
	if d.decoder, err = parseDecoder(f.Decoder); err != nil {
		return nil, err
	}
	if err = parseModel(f.Model, d); err != nil {
		return nil, err
	}
	if d.added, err = parseAddedTokens(f.AddedTokens, d.vocabulary); err != nil {
		return nil, err
	}
	if d.special, err = parsePostProcessor(f.PostProcessor); err != nil {
		return nil, err
	}
	return d, d.checkSpecial()
}

// addedEntry is one of added_tokens. The flags must all be there.
type addedEntry struct {
	ID         *int32  `json:"id"`
	Content    *string `json:"content"`
	SingleWord *bool   `json:"single_word"`
	LStrip     *bool   `json:"lstrip"`
	RStrip     *bool   `json:"rstrip"`
	Normalized *bool   `json:"normalized"`
	Special    *bool   `json:"special"`
}

// parseAddedTokens also checks that the ids are those that the Hugging Face library would give: it takes the id of the
// vocabulary or else the next free one, whatever the file says.
func parseAddedTokens(entries []addedEntry, vocabulary map[string]int32) ([]addedToken, error) {
	next := int32(len(vocabulary))
	seen := make(map[string]bool, len(entries))
	tokens := make([]addedToken, 0, len(entries))
	for i, e := range entries {
		if e.ID == nil || e.Content == nil || e.SingleWord == nil || e.LStrip == nil || e.RStrip == nil || e.Normalized == nil || e.Special == nil {
			return nil, fmt.Errorf("added_tokens[%d]: want id, content, single_word, lstrip, rstrip, normalized and special; one is missing", i)
		}
		if *e.Content == "" || seen[*e.Content] {
			return nil, fmt.Errorf("added_tokens[%d]: content %q is empty or there twice; remove the entry", i, *e.Content)
		}
		seen[*e.Content] = true
		expected, ok := vocabulary[*e.Content]
		if !ok {
			expected = next
			next++
		}
		if *e.ID != expected {
			return nil, fmt.Errorf("added_tokens[%d]: %q has id %d, but the vocabulary makes it %d; the file is inconsistent, save it again with the tokenizers library", i, *e.Content, *e.ID, expected)
		}
		tokens = append(tokens, addedToken{
			id: *e.ID, content: *e.Content, singleWord: *e.SingleWord,
			lstrip: *e.LStrip, rstrip: *e.RStrip, normalized: *e.Normalized, special: *e.Special,
		})
	}
	return tokens, nil
}

// decodeStrict refuses fields that into does not have: a field that is not understood may change the tokens.
func decodeStrict(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%w; the file is damaged or of a kind that is not supported", err)
	}
	if decoder.More() {
		return errors.New("there is more than one JSON value; the file is damaged")
	}
	return nil
}

// isNull says whether a component of the file is absent.
func isNull(raw json.RawMessage) bool {
	return len(raw) == 0 || string(raw) == "null"
}

// componentType gives the type field of a component; "null" for an absent one.
func componentType(raw json.RawMessage) (string, error) {
	if isNull(raw) {
		return "null", nil
	}
	var component struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &component); err != nil {
		return "", fmt.Errorf("%w; want an object with a type", err)
	}
	return component.Type, nil
}

func notSupported(section, kind string, supported ...string) error {
	return fmt.Errorf("%s %q is not supported; supported: %s", section, kind, strings.Join(supported, ", "))
}
