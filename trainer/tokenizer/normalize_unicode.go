package tokenizer

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// unicodeForm is a normalization form of Unicode Standard Annex 15, as Hugging Face's tokenizers computes them. It
// differs from package norm in two ways, which is why norm gives only the properties of runes and the quick check, and the
// algorithm is here. Its tables are those of Unicode 9.0, so what was encoded later is left as it is (norm has 15.0). And it
// has no limit on the marks behind a letter, where norm puts U+034F in after thirty.
type unicodeForm struct {
	form       norm.Form // for the quick check
	decomposed norm.Form // the form without its last step
	compose    bool      // the last step
}

var (
	formC  = unicodeForm{form: norm.NFC, decomposed: norm.NFD, compose: true}
	formD  = unicodeForm{form: norm.NFD, decomposed: norm.NFD}
	formKD = unicodeForm{form: norm.NFKD, decomposed: norm.NFKD}
)

// normalizeForms gives how to come to each form. NFKC takes two steps, since norm's quick check for it lets pass what
// decomposes to a Hangul vowel, which composes with what is before it.
var normalizeForms = map[string][]rewrite{
	"NFC":  {formC.rewrite},
	"NFD":  {formD.rewrite},
	"NFKC": {formKD.rewrite, formC.rewrite},
	"NFKD": {formKD.rewrite},
}

// newer9 are the runes with a normalization property (a decomposition, a combining class, a composition with what is before them) that
// Unicode has gained since version 9.0. TestUnicodeForms asks about every rune.
var newer9 = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x07FD, Hi: 0x07FD, Stride: 1}, {Lo: 0x0898, Hi: 0x089F, Stride: 1}, {Lo: 0x08CA, Hi: 0x08D3, Stride: 1},
		{Lo: 0x09FE, Hi: 0x09FE, Stride: 1}, {Lo: 0x0C3C, Hi: 0x0C3C, Stride: 1}, {Lo: 0x0D3B, Hi: 0x0D3C, Stride: 1},
		{Lo: 0x0EBA, Hi: 0x0EBA, Stride: 1}, {Lo: 0x1715, Hi: 0x1715, Stride: 1}, {Lo: 0x1ABF, Hi: 0x1ACE, Stride: 1},
		{Lo: 0x1DF6, Hi: 0x1DFA, Stride: 1}, {Lo: 0x32FF, Hi: 0x32FF, Stride: 1}, {Lo: 0xA7F2, Hi: 0xA7F4, Stride: 1},
		{Lo: 0xA82C, Hi: 0xA82C, Stride: 1}, {Lo: 0xAB69, Hi: 0xAB69, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x10781, Hi: 0x10785, Stride: 1}, {Lo: 0x10787, Hi: 0x107B0, Stride: 1}, {Lo: 0x107B2, Hi: 0x107BA, Stride: 1},
		{Lo: 0x10D24, Hi: 0x10D27, Stride: 1}, {Lo: 0x10EAB, Hi: 0x10EAC, Stride: 1}, {Lo: 0x10EFD, Hi: 0x10EFF, Stride: 1},
		{Lo: 0x10F46, Hi: 0x10F50, Stride: 1}, {Lo: 0x10F82, Hi: 0x10F85, Stride: 1}, {Lo: 0x11070, Hi: 0x11070, Stride: 1},
		{Lo: 0x1133B, Hi: 0x1133B, Stride: 1}, {Lo: 0x1145E, Hi: 0x1145E, Stride: 1}, {Lo: 0x11839, Hi: 0x1183A, Stride: 1},
		{Lo: 0x11930, Hi: 0x11930, Stride: 1}, {Lo: 0x11938, Hi: 0x11938, Stride: 1}, {Lo: 0x1193D, Hi: 0x1193E, Stride: 1},
		{Lo: 0x11943, Hi: 0x11943, Stride: 1}, {Lo: 0x119E0, Hi: 0x119E0, Stride: 1}, {Lo: 0x11A34, Hi: 0x11A34, Stride: 1},
		{Lo: 0x11A47, Hi: 0x11A47, Stride: 1}, {Lo: 0x11A99, Hi: 0x11A99, Stride: 1}, {Lo: 0x11D42, Hi: 0x11D42, Stride: 1},
		{Lo: 0x11D44, Hi: 0x11D45, Stride: 1}, {Lo: 0x11D97, Hi: 0x11D97, Stride: 1}, {Lo: 0x11F41, Hi: 0x11F42, Stride: 1},
		{Lo: 0x16FF0, Hi: 0x16FF1, Stride: 1}, {Lo: 0x1E030, Hi: 0x1E06D, Stride: 1}, {Lo: 0x1E08F, Hi: 0x1E08F, Stride: 1},
		{Lo: 0x1E130, Hi: 0x1E136, Stride: 1}, {Lo: 0x1E2AE, Hi: 0x1E2AE, Stride: 1}, {Lo: 0x1E2EC, Hi: 0x1E2EF, Stride: 1},
		{Lo: 0x1E4EC, Hi: 0x1E4EF, Stride: 1}, {Lo: 0x1F16C, Hi: 0x1F16C, Stride: 1}, {Lo: 0x1FBF0, Hi: 0x1FBF9, Stride: 1},
	},
}

// rewrite normalizes segment by segment. A text that passes the quick check under newer tables is also normalized under older ones:
// to those, it is the same text in pieces, and each piece of a normalized text is normalized.
func (f unicodeForm) rewrite(r *rewriter) {
	for i := 0; i < len(r.source); {
		i += f.form.QuickSpanString(r.source[i:])
		if i == len(r.source) {
			return
		}
		end := i + f.segmentLength(r.source[i:])
		if old := r.source[i:end]; utf8.ValidString(old) {
			if normalized := f.normalized(old); normalized != old {
				r.replace(i, end, normalized)
			}
		}
		i = end
	}
}

// segmentLength gives the length of the first segment of text: up to the next rune that nothing before it can
// change. A byte that is not valid UTF-8 is a segment.
func (f unicodeForm) segmentLength(text string) int {
	r, n := utf8.DecodeRuneInString(text)
	if r == utf8.RuneError && n <= 1 {
		return n
	}
	for n < len(text) {
		r, width := utf8.DecodeRuneInString(text[n:])
		if r == utf8.RuneError && width <= 1 || unicode.Is(newer9, r) || f.form.PropertiesString(text[n:]).BoundaryBefore() {
			break
		}
		n += width
	}
	return n
}

// normalized gives the normalized form of a segment.
func (f unicodeForm) normalized(segment string) string {
	var runes []combiningRune
	for _, r := range segment {
		if unicode.Is(newer9, r) {
			runes = append(runes, combiningRune{r: r})
			continue
		}
		for _, d := range f.decomposed.String(string(r)) {
			runes = append(runes, combiningRune{r: d, class: combiningClass(d)})
		}
	}
	orderMarks(runes)
	if f.compose {
		runes = composed(runes)
	}
	var text strings.Builder
	for _, c := range runes {
		text.WriteRune(c.r)
	}
	return text.String()
}

// combiningRune is a rune with its canonical combining class: 0 for a starter.
type combiningRune struct {
	r     rune
	class uint8
}

func combiningClass(r rune) uint8 {
	return norm.NFD.PropertiesString(string(r)).CCC()
}

// orderMarks sorts each run of runes that are no starters by their class, and leaves equals in order (the canonical ordering algorithm).
func orderMarks(runes []combiningRune) {
	for i := 0; i < len(runes); {
		end := i
		for end < len(runes) && runes[end].class != 0 {
			end++
		}
		slices.SortStableFunc(runes[i:end], func(a, b combiningRune) int { return int(a.class) - int(b.class) })
		i = max(end, i+1)
	}
}

// composed joins each rune with the starter before it, where they have a composite and nothing between them blocks it (the canonical
// composition algorithm). It works in place.
func composed(runes []combiningRune) []combiningRune {
	kept := runes[:0]
	starter := -1 // index in kept of the last one
	for _, c := range runes {
		if starter >= 0 && !blocked(kept[starter+1:], c) {
			if composite, ok := compositeOf(kept[starter].r, c.r); ok {
				kept[starter].r = composite
				continue
			}
		}
		kept = append(kept, c)
		if c.class == 0 {
			starter = len(kept) - 1
		}
	}
	return kept
}

// blocked says whether one of the runes between a starter and c keeps them apart: a starter, or one of c's class or above. The marks
// are in order, so the last one decides.
func blocked(between []combiningRune, c combiningRune) bool {
	if len(between) == 0 {
		return false
	}
	last := between[len(between)-1].class
	return last == 0 || last >= c.class
}

// compositeOf gives the rune that first and second compose to. It is decomposed again as a check, because norm keeps only 16 bits of a
// rune when it looks for a composite: it composes U+E0041 and an accent to Á.
func compositeOf(first, second rune) (rune, bool) {
	if unicode.Is(newer9, first) || unicode.Is(newer9, second) {
		return 0, false
	}
	pair := string([]rune{first, second})
	text := norm.NFC.String(pair)
	composite, width := utf8.DecodeRuneInString(text)
	return composite, width == len(text) && norm.NFD.String(text) == norm.NFD.String(pair)
}
