package tokenizer

// Span is a stretch of the input text, as byte offsets: text[Start:End].
type Span struct{ Start, End int }

// Encode gives the token ids of text. Added tokens in the text, special ones too, are recognised. With addSpecial, the
// tokens that the tokenizer puts around a text (BOS, for many models) are added.
//
// As in Hugging Face's tokenizers, a byte or rune that the vocabulary has no token for becomes the unknown token, or is left out
// if there is no unknown token. SmolLM2 leaves out 21 of the 256 bytes, such as NUL and most other control characters.
func (t *Tokenizer) Encode(text string, addSpecial bool) []int32 {
	encoding := t.encode(text, addSpecial, false)
	return encoding.ids
}

// EncodeSpans is [Tokenizer.Encode], and tells for each token what part of text it stands for. A span may end
// inside a character, since tokens are made of bytes. It includes the white space that its token includes. Spans are of the text as it
// came, before normalization, and follow each other. Tokens that addSpecial adds, and a space that the tokenizer puts in
// front of a word, have an empty span; what normalization or a split removes is in no span.
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

// addAll adds tokens that stand for no text.
func (e *encoding) addAll(ids []int32, at int) {
	e.ids = append(e.ids, ids...)
	if e.withSpans {
		for range ids {
			e.spans = append(e.spans, Span{at, at})
		}
	}
}

// text cuts the added tokens out, first those of the raw text, then those of the normalized text, and encodes what lies
// between.
func (e *encoding) text(text string) {
	in := part{text: text, first: true, withSpans: e.withSpans}
	e.cut(e.tokenizer.rawAdded, in, func(raw part) {
		e.cut(e.tokenizer.normalizedAdded, normalize(raw, e.tokenizer.normalizer), e.words)
	})
}

func (e *encoding) cut(matcher *addedMatcher, in part, between func(part)) {
	matcher.cut(in.text,
		func(token *addedToken, start, end int) { e.addToken(token.id, in, start, end) },
		func(start, end int) { between(in.slice(start, end)) })
}

// normalize applies rewrites in turn.
func normalize(p part, rewrites []rewrite) part {
	for _, by := range rewrites {
		p = p.rewritten(by)
	}
	return p
}

func (e *encoding) words(p part) {
	e.tokenizer.preTokenizer.each(p, e.word)
}

// word encodes a word piece by piece, so that its pieces may come from the cache and not all of its tokens are in memory at once.
func (e *encoding) word(word part) {
	model := e.tokenizer.model
	for start := 0; start < len(word.text); {
		end := start + model.firstPiece(word.text[start:])
		e.scratch = model.appendTokens(e.scratch[:0], word.text[start:end])
		for _, token := range e.scratch {
			e.addToken(token.id, word, start+token.start, start+token.end)
		}
		start = end
	}
}

// addToken adds a token that stands for [start, end) of p.
func (e *encoding) addToken(id int32, p part, start, end int) {
	e.ids = append(e.ids, id)
	if e.withSpans {
		e.spans = append(e.spans, p.span(start, end))
	}
}
