package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// patternGPT2 is GPT-2's pattern, as some tokenizer.json files spell it out.
const patternGPT2 = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

// splitGPT2 gives the length in bytes of the first match in text (not empty) of patternGPT2, whose alternatives are tried in order:
//
//	's|'t|'re|'ve|'m|'ll|'d      contraction, lower case only
//	 ?\p{L}+                     letters, with the space before them
//	 ?\p{N}+                     numbers, likewise
//	 ?[^\s\p{L}\p{N}]+           symbols, likewise
//	\s+(?!\S)|\s+                white space; the last of a run stays with the word that follows
//
// Every rune is matched by some alternative, so the matches cover the text.
func splitGPT2(text string) int {
	if n := contraction(text); n > 0 {
		return n
	}
	start := 0
	if text[0] == ' ' {
		start = 1
	}
	if start < len(text) {
		first, width := utf8.DecodeRuneInString(text[start:])
		if c := classOf(first); c != classSpace {
			return start + width + runLength(text[start+width:], c)
		}
	}
	return splitSpaces(text)
}

// contraction gives the length of an English contraction at the start of text, 0 if there is none.
func contraction(text string) int {
	if text[0] != '\'' {
		return 0
	}
	for _, ending := range [...]string{"s", "t", "re", "ve", "m", "ll", "d"} {
		if strings.HasPrefix(text[1:], ending) {
			return 1 + len(ending)
		}
	}
	return 0
}

// runLength gives how many bytes at the start of text are runes of class c.
func runLength(text string, c class) int {
	n := 0
	for n < len(text) {
		if b := text[n]; b < utf8.RuneSelf {
			if asciiClass[b] != c {
				return n
			}
			n++
			continue
		}
		r, width := utf8.DecodeRuneInString(text[n:])
		if unicodeClass(r) != c {
			return n
		}
		n += width
	}
	return n
}

// splitSpaces matches \s+(?!\S)|\s+ where text starts with white space: the whole run at the end of the text,
// otherwise all but its last rune, but at least one rune.
func splitSpaces(text string) int {
	n := runLength(text, classSpace)
	if n == len(text) {
		return n
	}
	_, last := utf8.DecodeLastRuneInString(text[:n])
	if n > last {
		return n - last
	}
	return n
}
