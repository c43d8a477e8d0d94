package tokenizer

import "unicode/utf8"

// splitDigit cuts every number off as a word of its own; what lies between numbers stays whole.
func splitDigit(text string) int {
	first, width := utf8.DecodeRuneInString(text)
	if isDigit(first) {
		return width
	}
	return width + digitRunLength(text[width:], false)
}

// splitDigitRuns is splitDigit with neighbouring numbers kept together.
func splitDigitRuns(text string) int {
	first, width := utf8.DecodeRuneInString(text)
	return width + digitRunLength(text[width:], isDigit(first))
}

// digitRunLength gives how many bytes at the start of text are runes for which isDigit is digits.
func digitRunLength(text string, digits bool) int {
	n := 0
	for n < len(text) {
		if b := text[n]; b < utf8.RuneSelf {
			if (asciiClass[b] == classNumber) != digits {
				return n
			}
			n++
			continue
		}
		r, width := utf8.DecodeRuneInString(text[n:])
		if isDigit(r) != digits {
			return n
		}
		n += width
	}
	return n
}
