package tokenizer

// Span is a stretch of the input text, as byte offsets: text[Start:End].
type Span struct{ Start, End int }

// Encode gives the token ids of text. Added tokens in the text, special ones too, are recognised. With addSpecial, the
// tokens that the tokenizer puts around a text (BOS, for many models) are added.
//
// As in Hugging Face's tokenizers, a byte that the vocabulary has no token for becomes the unknown token, or is left out
// if there is no unknown token. SmolLM2 leaves out 21 of the 256 bytes, such as NUL and most other control characters.
func (t *Tokenizer) Encode(text string, addSpecial bool) []int32 {
	encoding := t.encode(text, addSpecial, false)
	return encoding.ids
}

// EncodeSpans is [Tokenizer.Encode], and tells for each token what part of text it stands for. A span may end
// inside a character, since tokens are made of bytes. It includes the white space that its token includes. Tokens that
// addSpecial adds, and a space that the tokenizer puts in front of a word, have an empty span.
func (t *Tokenizer) EncodeSpans(text string, addSpecial bool) ([]int32, []Span) {
	encoding := t.encode(text, addSpecial, true)
	return encoding.ids, encoding.spans
}

// encoding collects the tokens of one text.
type encoding struct {
	tokenizer *Tokenizer
	ids       []int32
	spans     []Span // only if withSpans
	withSpans bool
	scratch   []token
}

func (t *Tokenizer) encode(text string, addSpecial, withSpans bool) *encoding {
	const bytesPerToken = 4 // typical of English; only a first guess at the size
	e := &encoding{tokenizer: t, ids: make([]int32, 0, len(text)/bytesPerToken+4), withSpans: withSpans}
	if withSpans {
		e.spans = make([]Span, 0, cap(e.ids))
	}
	if addSpecial {
		e.addAll(t.special.before, 0)
	}
	e.text(text)
	if addSpecial {
		e.addAll(t.special.after, len(text))
	}
	return e
}

func (e *encoding) add(id int32, start, end int) {
	e.ids = append(e.ids, id)
	if e.withSpans {
		e.spans = append(e.spans, Span{start, end})
	}
}

func (e *encoding) addAll(ids []int32, at int) {
	for _, id := range ids {
		e.add(id, at, at)
	}
}

// text cuts the added tokens out, first those of the raw text, then those of the normalized text, and encodes what lies
// between. (No normalizer is supported, so the two texts are the same, but the order decides who wins an overlap.)
func (e *encoding) text(text string) {
	e.cut(e.tokenizer.rawAdded, text, 0, func(text string, at int) {
		e.cut(e.tokenizer.normalizedAdded, text, at, e.words)
	})
}

func (e *encoding) cut(matcher *addedMatcher, text string, at int, between func(text string, at int)) {
	matcher.cut(text,
		func(token *addedToken, start, end int) { e.add(token.id, at+start, at+end) },
		func(start, end int) { between(text[start:end], at+start) })
}

func (e *encoding) words(text string, at int) {
	e.tokenizer.preTokenizer.each(part{text: text, at: at, from: at}, e.word)
}

func (e *encoding) word(word part) {
	e.scratch = e.tokenizer.model.appendTokens(e.scratch[:0], word.text)
	for _, token := range e.scratch {
		e.add(token.id, max(word.from, word.at+token.start), word.at+token.end)
	}
}
