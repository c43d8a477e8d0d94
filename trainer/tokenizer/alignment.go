package tokenizer

import (
	"slices"
	"strings"
)

// part is a stretch of text on its way from the input to the words.
type part struct {
	text  string
	first bool // whether it begins where the input begins
	// withSpans says whether origin and at are kept; they cost time, and only EncodeSpans needs them.
	withSpans bool
	origin    *alignment // of the text that this is a stretch of; nil where that is the input itself
	at        int        // where text starts in that text
}

// slice gives the stretch [start, end) of p.
func (p part) slice(start, end int) part {
	p.text = p.text[start:end]
	p.first = p.first && start == 0
	p.at += start
	return p
}

// span gives what [start, end) of p stands for in the input.
func (p part) span(start, end int) Span {
	return p.origin.toInput(p.at+start, p.at+end)
}

// rewrite changes text by calls of its replace method.
type rewrite func(*rewriter)

// rewritten gives what by makes of p. Its spans are those of the input still.
func (p part) rewritten(by rewrite) part {
	r := rewriter{source: p.text, record: p.withSpans}
	by(&r)
	if !r.changed {
		return p
	}
	r.text.WriteString(r.source[r.copied:])
	p.text = r.text.String()
	p.first = p.first && !r.cutStart
	if p.withSpans {
		p.origin = &alignment{outer: p.origin, base: p.at, edits: r.edits}
		p.at = 0
	}
	return p
}

// rewriter makes a text from source by a series of replacements.
type rewriter struct {
	source   string
	text     strings.Builder
	copied   int // source[:copied] is in text
	record   bool
	edits    []edit // only if record
	changed  bool
	cutStart bool // source's beginning was removed
}

// replace writes with in place of source[start:end]. Calls come in the order of the text.
func (r *rewriter) replace(start, end int, with string) {
	if !r.changed {
		r.grow(1, len(with))
	}
	r.changed = true
	r.cutStart = r.cutStart || start == 0 && end > 0 && with == ""
	r.text.WriteString(r.source[r.copied:start])
	at := r.text.Len()
	r.text.WriteString(with)
	r.copied = end
	if r.record {
		r.edits = append(r.edits, edit{start: at, end: r.text.Len(), from: start, to: end})
	}
}

// grow makes room for a number of replacements that put longer bytes in. It is a hint.
func (r *rewriter) grow(replacements, longer int) {
	r.text.Grow(len(r.source) + longer)
	if r.record {
		r.edits = slices.Grow(r.edits, replacements)
	}
}

// edit is one replacement: [start, end) of the new text stands for [from, to) of the old.
type edit struct{ start, end, from, to int }

// alignment tells where a rewritten text comes from. Between the edits, old and new text are the same.
type alignment struct {
	outer *alignment // of the old text; nil where that is the input itself
	base  int        // where the old text starts in outer's
	edits []edit     // in order
	// passed is the number of edits in front of the last offset asked for. Offsets are asked for in the order of the text, or nearly so.
	passed int
}

// toInput gives the span of the input that [start, end) stands for. What was put in has an empty span. Where one stretch was replaced by
// another, byte stands for byte as far as both reach, and the last byte of the new stretch for what is left of the old:
// so neighbours in the new text stay neighbours in the input, without a gap and without an overlap.
func (a *alignment) toInput(start, end int) Span {
	for ; a != nil; a = a.outer {
		start, end = a.base+a.oldStart(start), a.base+a.oldEnd(end)
	}
	return Span{start, max(start, end)}
}

// oldStart maps an offset where a span starts: behind a removal, if there is one at this place.
func (a *alignment) oldStart(offset int) int {
	return a.old(offset, offset+1)
}

// oldEnd maps an offset where a span ends: in front of a removal, if there is one at this place.
func (a *alignment) oldEnd(offset int) int {
	return a.old(offset, offset)
}

// old maps an offset by the last edit that starts before limit.
func (a *alignment) old(offset, limit int) int {
	for a.passed > 0 && a.edits[a.passed-1].start >= limit {
		a.passed--
	}
	for a.passed < len(a.edits) && a.edits[a.passed].start < limit {
		a.passed++
	}
	if a.passed == 0 {
		return offset
	}
	return a.edits[a.passed-1].old(offset)
}

// old maps an offset at or behind the edit's start, and before the next edit.
func (e edit) old(offset int) int {
	if offset >= e.end {
		return e.to + offset - e.end
	}
	return min(e.from+offset-e.start, e.to)
}
