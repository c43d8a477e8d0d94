package tokenizer

// preTokenizer cuts text into the words that BPE merges separately. Its steps are applied in turn, each to the parts that
// the one before it made.
type preTokenizer struct {
	steps []preTokenizerStep
	// byteLevel says whether words are handed to the model as bytes, each written as one rune of the byte alphabet.
	byteLevel bool
}

// preTokenizerStep hands on the parts that it makes of a part, which is not empty, in order. It may rewrite and leave out text.
type preTokenizerStep interface {
	apply(in part, rest continuation)
}

// continuation is what comes after a step.
type continuation struct {
	steps []preTokenizerStep
	word  func(part)
}

// take passes a part on. Empty parts end here.
func (c continuation) take(p part) {
	switch {
	case p.text == "":
	case len(c.steps) == 0:
		c.word(p)
	default:
		c.steps[0].apply(p, continuation{c.steps[1:], c.word})
	}
}

// each calls word for every word of a part, in order.
func (p *preTokenizer) each(in part, word func(part)) {
	continuation{p.steps, word}.take(in)
}

// splitter gives the length in bytes of the first part of text, which is not empty. Applied again to what remains, it
// cuts the text into parts that cover it.
type splitter func(text string) int

func (s splitter) apply(in part, rest continuation) {
	for start := 0; start < len(in.text); {
		end := start + s(in.text[start:])
		rest.take(in.slice(start, end))
		start = end
	}
}

// prefixSpace puts a space in front of each part that has none (ByteLevel's add_prefix_space).
type prefixSpace struct{}

func (prefixSpace) apply(in part, rest continuation) {
	if in.text[0] != ' ' {
		in = in.rewritten(prependText(" "))
	}
	rest.take(in)
}
