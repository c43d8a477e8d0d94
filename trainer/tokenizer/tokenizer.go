package tokenizer

// Tokenizer converts between text and the token ids of one model.
type Tokenizer struct {
	entries []entry // by id
	ids     map[string]int32
	// rawAdded are the added tokens looked for in the text as it is, normalizedAdded those looked for in what then
	// remains. Either is nil if there are none.
	rawAdded, normalizedAdded *addedMatcher
	normalizer                []rewrite // applied in turn
	preTokenizer              preTokenizer
	model                     *bpe
	decoder                   decoder
	special                   specialTokens
}

// entry is what is known of one token id.
type entry struct {
	text    string // as the vocabulary spells it
	decoded string // what the decoder gets; with the ByteLevel decoder, the bytes that it stands for
	known   bool   // false for an id in a gap of the vocabulary
	special bool
	skipped bool // by Decode, if special tokens are to be left out
}

// specialTokens are put around a text when special tokens are asked for.
type specialTokens struct{ before, after []int32 }

// ID gives the id of a token as the vocabulary spells it: "Ġthe", not " the".
func (t *Tokenizer) ID(token string) (int32, bool) {
	id, ok := t.ids[token]
	return id, ok
}

// Token gives the token of an id as the vocabulary spells it. Use [Tokenizer.Decode] for its text.
func (t *Tokenizer) Token(id int32) (string, bool) {
	if !t.has(id) {
		return "", false
	}
	return t.entries[id].text, true
}

// IsSpecial says whether id is a special token: one that steers the model, such as BOS or <|im_end|>, and is no part of the text.
func (t *Tokenizer) IsSpecial(id int32) bool {
	return t.has(id) && t.entries[id].special
}

// Size gives one more than the largest id. Ids may have gaps.
func (t *Tokenizer) Size() int { return len(t.entries) }

func (t *Tokenizer) has(id int32) bool {
	return id >= 0 && int(id) < len(t.entries) && t.entries[id].known
}
