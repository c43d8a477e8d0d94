package weights

import (
	"errors"
	"fmt"
	"slices"

	"github.com/shannon-labs/scu/trainer/tokenizer"
)

// bosByDefault are the pre-tokenizers for which llama.cpp adds BOS when the file does not say.
var bosByDefault = []string{"llama3", "llama-v3", "llama-bpe"}

// specialTokens reads the ids and looks their texts up in the token list.
func (m ggufMetadata) specialTokens() (SpecialTokens, error) {
	tokens, _, err := m.texts("tokenizer.ggml.tokens")
	if err != nil {
		return SpecialTokens{}, err
	}
	special := SpecialTokens{}
	special.BOS, special.BOSToken, err = m.specialToken("tokenizer.ggml.bos_token_id", tokens)
	if err != nil {
		return SpecialTokens{}, err
	}
	special.EOS, special.EOSToken, err = m.specialToken("tokenizer.ggml.eos_token_id", tokens)
	return special, err
}

func (m ggufMetadata) specialToken(key string, tokens []string) (int32, string, error) {
	id, present, err := m.integer(key)
	if err != nil || !present {
		return -1, "", err
	}
	if id >= len(tokens) {
		return -1, "", fmt.Errorf("metadata %q is %d, but there are %d tokens", key, id, len(tokens))
	}
	return int32(id), tokens[id], nil
}

// tokenizer builds the byte-level BPE tokenizer that the metadata describes.
func (m ggufMetadata) tokenizer() (*tokenizer.Tokenizer, error) {
	kind, present, err := m.text("tokenizer.ggml.model")
	if err != nil {
		return nil, err
	}
	if !present {
		return nil, errors.New("the file carries no tokenizer (metadata \"tokenizer.ggml.model\" is missing); use one that does, or a model directory")
	}
	if kind != "gpt2" {
		return nil, fmt.Errorf("the tokenizer model %q is not supported; supported: gpt2 (byte-level BPE)", kind)
	}
	vocabulary, err := m.vocabulary()
	if err != nil {
		return nil, err
	}
	return tokenizer.FromVocabulary(vocabulary)
}

func (m ggufMetadata) vocabulary() (tokenizer.Vocabulary, error) {
	tokens, _, errTokens := m.texts("tokenizer.ggml.tokens")
	merges, _, errMerges := m.texts("tokenizer.ggml.merges")
	types, _, errTypes := m.int32s("tokenizer.ggml.token_type")
	preTokenizer, _, errPre := m.text("tokenizer.ggml.pre")
	addBOS, saysBOS, errBOS := m.boolean("tokenizer.ggml.add_bos_token")
	addEOS, _, errEOS := m.boolean("tokenizer.ggml.add_eos_token")
	special, errSpecial := m.specialTokens()
	if err := errors.Join(errTokens, errMerges, errTypes, errPre, errBOS, errEOS, errSpecial); err != nil {
		return tokenizer.Vocabulary{}, err
	}
	if len(tokens) == 0 {
		return tokenizer.Vocabulary{}, errors.New("metadata \"tokenizer.ggml.tokens\" is missing or empty")
	}
	if types != nil && len(types) != len(tokens) {
		return tokenizer.Vocabulary{}, fmt.Errorf("metadata \"tokenizer.ggml.token_type\" has %d entries for %d tokens", len(types), len(tokens))
	}
	if !saysBOS {
		addBOS = slices.Contains(bosByDefault, preTokenizer)
	}
	return tokenizer.Vocabulary{
		Tokens: tokens, Merges: merges, Types: types, PreTokenizer: preTokenizer,
		AddBOS: addBOS, AddEOS: addEOS, BOS: special.BOS, EOS: special.EOS,
	}, nil
}
