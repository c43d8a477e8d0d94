package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Decode gives the text of ids; with skipSpecial, without the special tokens. Tokens are bytes, and a cut of a text may
// fall inside a character: bytes that are no valid UTF-8 become U+FFFD, one for each longest beginning of a
// character (the "maximal subpart" of the Unicode Standard, section 3.9), as in Python and Rust. Ids that are not in
// the vocabulary have no text.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	var text strings.Builder
	for _, id := range ids {
		if !t.has(id) || skipSpecial && t.entries[id].special {
			continue
		}
		text.WriteString(t.entries[id].bytes)
	}
	return validUTF8(text.String())
}

// validUTF8 replaces what is not valid. (strings.ToValidUTF8 would replace a run of bad bytes by one mark, and a range loop each
// byte by one.)
func validUTF8(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var valid strings.Builder
	for len(text) > 0 {
		r, width := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && width == 1 {
			width = subpartLength(text)
		}
		valid.WriteRune(r)
		text = text[width:]
	}
	return valid.String()
}

// subpartLength gives how many bytes at the start of text, where no valid character starts, begin one: at least 1, the bad byte itself.
// The ranges are those of table 3-7, "Well-Formed UTF-8 Byte Sequences".
func subpartLength(text string) int {
	low, high, length := byte(0x80), byte(0xBF), 0
	switch lead := text[0]; {
	case lead >= 0xE0 && lead <= 0xEF:
		length = 3
	case lead >= 0xF0 && lead <= 0xF4:
		length = 4
	default:
		return 1
	}
	switch text[0] {
	case 0xE0:
		low = 0xA0
	case 0xED:
		high = 0x9F
	case 0xF0:
		low = 0x90
	case 0xF4:
		high = 0x8F
	}
	n := 1
	for n < length-1 && n < len(text) && text[n] >= low && text[n] <= high {
		n++
		low, high = 0x80, 0xBF
	}
	return n
}
