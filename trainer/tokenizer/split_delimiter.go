package tokenizer

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// delimiterSplit cuts text at what it looks for, the delimiters, and does with them what behavior says.
type delimiterSplit struct {
	find     finder
	invert   bool // what lies between the delimiters are the delimiters
	behavior delimiterBehavior
}

// delimiterBehavior is what becomes of the delimiters, as a tokenizer.json calls it.
type delimiterBehavior string

const (
	delimiterRemoved            delimiterBehavior = "Removed"
	delimiterIsolated           delimiterBehavior = "Isolated"           // each is a part of its own
	delimiterContiguous         delimiterBehavior = "Contiguous"         // neighbours are one part
	delimiterMergedWithPrevious delimiterBehavior = "MergedWithPrevious" // it ends the part before it
	delimiterMergedWithNext     delimiterBehavior = "MergedWithNext"     // it begins the part behind it
)

var delimiterBehaviors = []delimiterBehavior{
	delimiterRemoved, delimiterIsolated, delimiterContiguous, delimiterMergedWithPrevious, delimiterMergedWithNext,
}

// finder gives where the first delimiter of text is; start is -1 if there is none. A delimiter is not empty.
type finder func(text string) (start, end int)

// findText looks for a text, which is not empty.
func findText(delimiter string) finder {
	return func(text string) (start, end int) {
		start = strings.Index(text, delimiter)
		return start, start + len(delimiter)
	}
}

// findRunes looks for single runes.
func findRunes(is func(r rune) bool) finder {
	return func(text string) (start, end int) {
		start = strings.IndexFunc(text, is)
		if start < 0 {
			return start, start
		}
		_, width := utf8.DecodeRuneInString(text[start:])
		return start, start + width
	}
}

func (s delimiterSplit) apply(in part, rest continuation) {
	for _, stretch := range s.merge(s.stretches(in.text)) {
		if s.behavior != delimiterRemoved || !stretch.delimiter {
			rest.take(in.slice(stretch.start, stretch.end))
		}
	}
}

// stretch is a delimiter, or what lies between two.
type stretch struct {
	start, end int
	delimiter  bool
}

// stretches covers text.
func (s delimiterSplit) stretches(text string) []stretch {
	var all []stretch
	done := 0
	for done < len(text) {
		start, end := s.find(text[done:])
		if start < 0 {
			break
		}
		if start > 0 {
			all = append(all, stretch{done, done + start, s.invert})
		}
		all = append(all, stretch{done + start, done + end, !s.invert})
		done += end
	}
	if done < len(text) {
		all = append(all, stretch{done, len(text), s.invert})
	}
	return all
}

// merge joins the stretches that behavior makes one. Of several delimiters in a row, only the one next to the stretch that
// takes delimiters joins it.
func (s delimiterSplit) merge(all []stretch) []stretch {
	switch s.behavior {
	case delimiterContiguous:
		return joinIf(all, func(a, b stretch) bool { return a.delimiter == b.delimiter })
	case delimiterMergedWithPrevious:
		return joinIf(all, func(a, b stretch) bool { return !a.delimiter && b.delimiter })
	case delimiterMergedWithNext:
		return joinIf(all, func(a, b stretch) bool { return a.delimiter && !b.delimiter })
	}
	return all
}

// joinIf joins each pair of neighbours for which join holds; a joined pair is asked about by its latter half.
func joinIf(all []stretch, join func(a, b stretch) bool) []stretch {
	var joined []stretch
	for i, b := range all {
		if i > 0 && join(all[i-1], b) {
			joined[len(joined)-1].end = b.end
		} else {
			joined = append(joined, b)
		}
	}
	return slices.Clip(joined)
}
