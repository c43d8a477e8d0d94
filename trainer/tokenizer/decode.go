package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Decode gives the text of ids; with skipSpecial, without the special tokens. Tokens may be bytes, and a cut of a text may
// fall inside a character. The ByteLevel decoder gives U+FFFD for bytes that are no valid UTF-8, one for each longest beginning
// of a character (the "maximal subpart" of the Unicode Standard, section 3.9), as in Python and Rust; ByteFallback one for each byte.
// Ids that are not in the vocabulary have no text.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	if t.decoder.isByteLevel() {
		var text strings.Builder
		t.eachDecoded(ids, skipSpecial, func(decoded string) { text.WriteString(decoded) })
		return validUTF8(text.String())
	}
	texts := make([]string, 0, len(ids))
	t.eachDecoded(ids, skipSpecial, func(decoded string) { texts = append(texts, decoded) })
	return t.decoder.text(texts)
}

func (t *Tokenizer) eachDecoded(ids []int32, skipSpecial bool, each func(decoded string)) {
	for _, id := range ids {
		if t.has(id) && !(skipSpecial && t.entries[id].skipped) {
			each(t.entries[id].decoded)
		}
	}
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
