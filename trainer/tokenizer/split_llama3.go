package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// The patterns of Llama 3 and Qwen2 as their tokenizer.json files spell them. They differ only in how many numbers
// make one word: up to three, or one.
const (
	patternLlama3 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternQwen2  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

func splitLlama3(text string) int { return splitByLines(text, 3) }

func splitQwen2(text string) int { return splitByLines(text, 1) }

// splitByLines gives the length in bytes of the first match in text (not empty) of patternLlama3 or patternQwen2; numbers is the most
// numbers in one match. The alternatives are tried in the pattern's order, and the matches cover the text.
func splitByLines(text string, numbers int) int {
	if n := contractionAnyCase(text); n > 0 {
		return n
	}
	first, width := utf8.DecodeRuneInString(text)
	switch c := classOf(first); {
	case c == classLetter:
		return width + runLength(text[width:], classLetter)
	case c == classNumber:
		return firstRunes(text, classNumber, numbers)
	case first != '\r' && first != '\n':
		// Any one rune may lead the letters that follow it.
		if n := runLength(text[width:], classLetter); n > 0 {
			return width + n
		}
	}
	if n := symbolsAnd(text, "\r\n"); n > 0 {
		return n
	}
	return splitLinesAndSpaces(text)
}

// contractionAnyCase is contraction for a pattern that ignores case. Besides the ASCII letters, U+017F (long s) folds to s.
func contractionAnyCase(text string) int {
	if text[0] != '\'' || len(text) == 1 {
		return 0
	}
	if strings.HasPrefix(text[1:], "ſ") {
		return len("'ſ")
	}
	switch text[1] | 0x20 {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if len(text) > 2 && text[2]|0x20 == 'e' {
			return 3
		}
	case 'l':
		if len(text) > 2 && text[2]|0x20 == 'l' {
			return 3
		}
	}
	return 0
}

// firstRunes gives the length of the first runes of class c, at most limit of them.
func firstRunes(text string, c class, limit int) int {
	n := 0
	for range limit {
		r, width := utf8.DecodeRuneInString(text[n:])
		if width == 0 || classOf(r) != c {
			break
		}
		n += width
	}
	return n
}

// symbolsAnd matches " ?[^\s\p{L}\p{N}]+" and any of the ASCII characters endings behind it; 0 if there is no symbol.
func symbolsAnd(text, endings string) int {
	start := 0
	if text[0] == ' ' {
		start = 1
	}
	n := runLength(text[start:], classOther)
	if n == 0 {
		return 0
	}
	end := start + n
	for end < len(text) && strings.IndexByte(endings, text[end]) >= 0 {
		end++
	}
	return end
}

// splitLinesAndSpaces matches \s*[\r\n]+|\s+(?!\S)|\s+ where text starts with white space. The first of these reaches to the last
// line end of the run.
func splitLinesAndSpaces(text string) int {
	run := text[:runLength(text, classSpace)]
	if last := strings.LastIndexAny(run, "\r\n"); last >= 0 {
		return last + 1
	}
	return splitSpaces(text)
}
