package weights

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// tokenizerDescription is what a directory says about its tokenizer besides the vocabulary.
type tokenizerDescription struct {
	chatTemplate string
	special      SpecialTokens
}

// tokenizerConfigJSON is the part of tokenizer_config.json that matters here.
type tokenizerConfigJSON struct {
	BOS          tokenText     `json:"bos_token"`
	EOS          tokenText     `json:"eos_token"`
	ChatTemplate chatTemplates `json:"chat_template"`
}

// tokenText reads a token that may be null, a string or an object with the string as "content".
type tokenText string

func (t *tokenText) UnmarshalJSON(text []byte) error {
	var plain *string
	if json.Unmarshal(text, &plain) == nil {
		*t = tokenText(valueOr(plain, ""))
		return nil
	}
	var object struct {
		Content string `json:"content"`
	}
	if err := json.Unmarshal(text, &object); err != nil {
		return errors.New("a special token is neither null, nor a string, nor an object with \"content\"")
	}
	*t = tokenText(object.Content)
	return nil
}

// chatTemplates reads a chat template that may be null, a string, or a list of named ones, of which "default" counts.
type chatTemplates string

func (c *chatTemplates) UnmarshalJSON(text []byte) error {
	var plain *string
	if json.Unmarshal(text, &plain) == nil {
		*c = chatTemplates(valueOr(plain, ""))
		return nil
	}
	var named []struct {
		Name     string `json:"name"`
		Template string `json:"template"`
	}
	if err := json.Unmarshal(text, &named); err != nil {
		return errors.New("\"chat_template\" is neither null, nor a string, nor a list of named templates")
	}
	for _, template := range named {
		if template.Name == "default" {
			*c = chatTemplates(template.Template)
			return nil
		}
	}
	return errors.New("\"chat_template\" is a list without one named \"default\"")
}

// readTokenizerConfig reads tokenizer_config.json and chat_template.jinja, either of which may be absent. Where the former
// names no BOS or EOS token, the ids in config.json count.
func readTokenizerConfig(directory string, config specialIDs) (tokenizerDescription, error) {
	var raw tokenizerConfigJSON
	if err := readOptionalJSON(filepath.Join(directory, tokenizerConfigFile), &raw); err != nil {
		return tokenizerDescription{}, err
	}
	description := tokenizerDescription{chatTemplate: string(raw.ChatTemplate)}
	template, err := os.ReadFile(filepath.Join(directory, chatTemplateFile))
	if err == nil {
		description.chatTemplate = string(template) // the file is the newer place and wins, as in transformers
	} else if !errors.Is(err, os.ErrNotExist) {
		return tokenizerDescription{}, err
	}
	vocabulary, err := readVocabularyIDs(filepath.Join(directory, tokenizerFile))
	if err != nil {
		return tokenizerDescription{}, err
	}
	special := &description.special
	special.BOS, special.BOSToken, err = vocabulary.resolve(string(raw.BOS), config.BOS.first())
	if err != nil {
		return tokenizerDescription{}, fmt.Errorf("read %s: bos_token: %w", filepath.Join(directory, tokenizerConfigFile), err)
	}
	special.EOS, special.EOSToken, err = vocabulary.resolve(string(raw.EOS), config.EOS.first())
	if err != nil {
		return tokenizerDescription{}, fmt.Errorf("read %s: eos_token: %w", filepath.Join(directory, tokenizerConfigFile), err)
	}
	return description, nil
}

// vocabularyIDs maps tokens to ids as tokenizer.json lists them. It is nil when that file is absent.
type vocabularyIDs map[string]int32

func readVocabularyIDs(path string) (vocabularyIDs, error) {
	var raw struct {
		AddedTokens []struct {
			ID      int32  `json:"id"`
			Content string `json:"content"`
		} `json:"added_tokens"`
		Model struct {
			// The type depends on the kind of model (a list for Unigram), which is the tokenizer's business to judge.
			Vocab json.RawMessage `json:"vocab"`
		} `json:"model"`
	}
	if err := readOptionalJSON(path, &raw); err != nil {
		return nil, err
	}
	ids := vocabularyIDs{}
	if json.Unmarshal(raw.Model.Vocab, &ids) != nil {
		ids = vocabularyIDs{}
	}
	for _, token := range raw.AddedTokens {
		ids[token.Content] = token.ID
	}
	return ids, nil
}

// resolve completes a special token from its text, or from its id when the text is empty.
func (v vocabularyIDs) resolve(text string, id int32) (int32, string, error) {
	if text != "" {
		known, ok := v[text]
		if !ok && len(v) > 0 {
			return -1, "", fmt.Errorf("the token %q is not in the vocabulary of %s", text, tokenizerFile)
		}
		if ok {
			return known, text, nil
		}
		return id, text, nil
	}
	for token, known := range v {
		if known == id {
			return id, token, nil
		}
	}
	return id, "", nil
}

// readOptionalJSON decodes a file into target; an absent file leaves it as it is.
func readOptionalJSON(path string, target any) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, target); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}
