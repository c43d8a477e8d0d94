package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// prependScheme says where Metaspace puts its replacement in front of a part that does not begin with it.
type prependScheme string

const (
	prependAlways prependScheme = "always"
	prependFirst  prependScheme = "first" // only where the input begins
	prependNever  prependScheme = "never"
)

// metaspace writes each space as a rune that is seen, U+2581 as a rule, and cuts in front of each.
type metaspace struct {
	replacement string // one rune
	scheme      prependScheme
	split       bool
}

func (m metaspace) apply(in part, rest continuation) {
	in = in.rewritten(replaceText(" ", m.replacement))
	if !strings.HasPrefix(in.text, m.replacement) && (m.scheme == prependAlways || m.scheme == prependFirst && in.first) {
		in = in.rewritten(prependText(m.replacement))
	}
	if m.split {
		splitter(m.firstWord).apply(in, rest)
	} else {
		rest.take(in)
	}
}

func (m metaspace) firstWord(text string) int {
	_, width := utf8.DecodeRuneInString(text)
	if i := strings.Index(text[width:], m.replacement); i >= 0 {
		return width + i
	}
	return len(text)
}
