package tokenizer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Vocabulary is a tokenizer as a GGUF file's metadata gives it (the keys tokenizer.ggml.*).
type Vocabulary struct {
	Tokens []string // by id; tokens of text in the byte-level alphabet, added tokens as they are
	Merges []string // "left right", in order of rank
	// Types holds one GGUF token type for each token. 1 is a normal token. 2 (unknown) and 3 (control) are special tokens, 4 is
	// an added token that is not special; 5 (unused) never occurs in a text. 6 (byte) is refused: such tokens belong to SentencePiece
	// models. With nil Types, only BOS and EOS are special tokens.
	Types []int32
	// PreTokenizer is tokenizer.ggml.pre.
	PreTokenizer   string
	AddBOS, AddEOS bool  // whether Encode puts BOS and EOS around a text when special tokens are asked for
	BOS, EOS       int32 // ids; -1 when absent
}

// GGUF token types.
const (
	typeNormal      = 1
	typeUnknown     = 2
	typeControl     = 3
	typeUserDefined = 4
	typeUnused      = 5
)

// ggufPreTokenizer is what a GGUF file only names: here it is what the model's tokenizer.json has.
type ggufPreTokenizer struct {
	normalizer   []rewrite
	steps        []preTokenizerStep
	ignoreMerges bool
}

var ggufPreTokenizers = map[string]ggufPreTokenizer{
	"gpt-2":     {steps: []preTokenizerStep{splitter(splitGPT2)}},
	"llama-bpe": {steps: []preTokenizerStep{splitter(splitLlama3)}, ignoreMerges: true},
	"llama-v3":  {steps: []preTokenizerStep{splitter(splitLlama3)}, ignoreMerges: true},
	"llama3":    {steps: []preTokenizerStep{splitter(splitLlama3)}, ignoreMerges: true},
	"qwen2":     {steps: []preTokenizerStep{splitter(splitQwen2)}, normalizer: normalizeForms["NFC"]},
	"tekken":    {steps: []preTokenizerStep{splitter(splitTekken)}, ignoreMerges: true},
	"smollm":    {steps: []preTokenizerStep{splitter(splitDigit), splitter(splitGPT2)}},
}

// FromVocabulary builds the tokenizer that a GGUF file describes. It gives an error that names what is wrong if the
// pre-tokenizer is not a known one or the parts do not fit together.
func FromVocabulary(v Vocabulary) (*Tokenizer, error) {
	pre, ok := ggufPreTokenizers[v.PreTokenizer]
	if !ok {
		known := slices.Sorted(maps.Keys(ggufPreTokenizers))
		return nil, fmt.Errorf("pre-tokenizer %q (tokenizer.ggml.pre) is not supported; supported: %s", v.PreTokenizer, strings.Join(known, ", "))
	}
	d := definition{
		vocabulary:   make(map[string]int32, len(v.Tokens)),
		ignoreMerges: pre.ignoreMerges,
		normalizer:   pre.normalizer,
		preTokenizer: preTokenizer{steps: pre.steps, byteLevel: true},
		decoder:      decoder{byteLevelDecoder{}},
	}
	for id, token := range v.Tokens {
		if first, double := d.vocabulary[token]; double {
			return nil, fmt.Errorf("tokens %d and %d are both %q (tokenizer.ggml.tokens); the file is damaged", first, id, token)
		}
		d.vocabulary[token] = int32(id)
	}
	var err error
	if d.merges, err = splitMerges(v.Merges); err != nil {
		return nil, err
	}
	if d.added, err = v.addedTokens(); err != nil {
		return nil, err
	}
	if d.special, err = v.specialTokens(); err != nil {
		return nil, err
	}
	return d.build()
}

// splitMerges splits each "left right" at its only space.
func splitMerges(merges []string) ([]mergeRule, error) {
	rules := make([]mergeRule, 0, len(merges))
	for rank, line := range merges {
		left, right, found := strings.Cut(line, " ")
		if !found || strings.Contains(right, " ") {
			return nil, fmt.Errorf("merge %d is %q; want two tokens with one space between them", rank, line)
		}
		rules = append(rules, mergeRule{left, right})
	}
	return rules, nil
}

func (v *Vocabulary) addedTokens() ([]addedToken, error) {
	if v.Types != nil && len(v.Types) != len(v.Tokens) {
		return nil, fmt.Errorf("%d token types (tokenizer.ggml.token_type) for %d tokens; the file is damaged", len(v.Types), len(v.Tokens))
	}
	var added []addedToken
	for id, token := range v.Tokens {
		kind, err := v.typeOf(int32(id))
		if err != nil {
			return nil, err
		}
		if kind == typeNormal || kind == typeUnused {
			continue
		}
		if token == "" {
			return nil, fmt.Errorf("token %d is an added token with no text (tokenizer.ggml.tokens); the file is damaged", id)
		}
		added = append(added, addedToken{id: int32(id), content: token, special: kind != typeUserDefined})
	}
	return added, nil
}

func (v *Vocabulary) typeOf(id int32) (int32, error) {
	if v.Types == nil {
		if id == v.BOS || id == v.EOS {
			return typeControl, nil
		}
		return typeNormal, nil
	}
	kind := v.Types[id]
	if kind < typeNormal || kind > typeUnused {
		return 0, fmt.Errorf("token %d, %q, has type %d (tokenizer.ggml.token_type), which is not supported in byte-level BPE; supported: 1 to 5", id, v.Tokens[id], kind)
	}
	return kind, nil
}

func (v *Vocabulary) specialTokens() (specialTokens, error) {
	var special specialTokens
	var err error
	if v.AddBOS {
		special.before, err = v.specialToken("bos", v.BOS)
	}
	if err == nil && v.AddEOS {
		special.after, err = v.specialToken("eos", v.EOS)
	}
	return special, err
}

func (v *Vocabulary) specialToken(name string, id int32) ([]int32, error) {
	if id < 0 || int(id) >= len(v.Tokens) {
		return nil, fmt.Errorf("tokenizer.ggml.add_%s_token is set, but %s_token_id is %d of %d tokens; the file is damaged", name, name, id, len(v.Tokens))
	}
	return []int32{id}, nil
}
