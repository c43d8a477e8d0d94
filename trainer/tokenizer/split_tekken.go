package tokenizer

import "unicode/utf8"

// patternTekken is the pattern of Mistral's Tekken as its tokenizer.json files spell it.
const patternTekken = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|` +
	`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|` +
	`\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`

// splitTekken gives the length in bytes of the first match in text (not empty) of patternTekken. The alternatives are tried in
// the pattern's order, and the matches cover the text.
func splitTekken(text string) int {
	first, width := utf8.DecodeRuneInString(text)
	lead := 0 // what [^\r\n\p{L}\p{N}]? may take
	if c := classOf(first); c != classLetter && c != classNumber && first != '\r' && first != '\n' {
		lead = width
	}
	if n := casedLetters(text, lead, endingLower); n > 0 {
		return n
	}
	if n := casedLetters(text, lead, allUpper); n > 0 {
		return n
	}
	if classOf(first) == classNumber {
		return width
	}
	if n := symbolsAnd(text, "\r\n/"); n > 0 {
		return n
	}
	return splitLinesAndSpaces(text)
}

// casedLetters matches an optional lead and the letters behind it; 0 if there is no match. The pattern gives the lead up
// where it leaves no letters, which helps if the lead is a mark: that counts as a letter here.
func casedLetters(text string, lead int, letters func(text string) int) int {
	if lead > 0 {
		if n := letters(text[lead:]); n > 0 {
			return lead + n
		}
	}
	return letters(text)
}

// endingLower matches [upper or open]*[lower or open]+. The first half takes what it can. If no lower case follows, it gives back as
// much as leaves an open letter to the second half.
func endingLower(text string) int {
	n, endOfOpen := 0, 0
	for n < len(text) {
		r, width := utf8.DecodeRuneInString(text[n:])
		switch caseOf(r) {
		case caseUpper:
			n += width
			continue
		case caseOpen:
			n += width
			endOfOpen = n
			continue
		case caseLower:
			return n + lowerRun(text[n:])
		}
		break
	}
	return endOfOpen
}

// lowerRun matches [lower or open]*.
func lowerRun(text string) int {
	n := 0
	for n < len(text) {
		r, width := utf8.DecodeRuneInString(text[n:])
		if c := caseOf(r); c != caseLower && c != caseOpen {
			break
		}
		n += width
	}
	return n
}

// allUpper matches [upper or open]+[lower or open]* where endingLower has found nothing: all of the letters are upper case.
func allUpper(text string) int {
	n := 0
	for n < len(text) {
		r, width := utf8.DecodeRuneInString(text[n:])
		if caseOf(r) != caseUpper {
			break
		}
		n += width
	}
	return n
}
