package data

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// jsonType names the type of a JSON value that is known to be valid.
func jsonType(raw []byte) string {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 {
		return "nothing"
	}
	switch raw[0] {
	case '{':
		return "object"
	case '[':
		return "list"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	default:
		return "number"
	}
}

// excerptLength is how much of a row an error shows, in bytes.
const excerptLength = 120

// excerpt returns the start of content, cut between characters.
func excerpt(content []byte) string {
	if len(content) <= excerptLength {
		return string(content)
	}
	end := excerptLength
	for end > 0 && !utf8.RuneStart(content[end]) {
		end--
	}
	return string(content[:end]) + "…"
}

// checkSurrogates refuses \ud800 to \udfff escapes that are not a pair: they name
// no character, and a JSON decoder would put U+FFFD in their place.
func checkSurrogates(raw []byte) error {
	for i := 0; i+1 < len(raw); i++ {
		if raw[i] != '\\' {
			next := bytes.IndexByte(raw[i:], '\\')
			if next < 0 {
				return nil
			}
			i += next
		}
		unit, ok := escapedUnit(raw[i:])
		switch {
		case !ok:
			i++ // another escape; "\\" must not be read as the start of one
		case unit >= 0xd800 && unit < 0xdc00:
			low, paired := escapedUnit(raw[i+6:])
			if !paired || low < 0xdc00 || low > 0xdfff {
				return fmt.Errorf("the escape %s at column %d is half of a surrogate pair and names no character", raw[i:i+6], i+1)
			}
			i += 11
		case unit >= 0xdc00 && unit <= 0xdfff:
			return fmt.Errorf("the escape %s at column %d is half of a surrogate pair and names no character", raw[i:i+6], i+1)
		default:
			i += 5
		}
	}
	return nil
}

// escapedUnit reads a \uXXXX escape at the front of raw.
func escapedUnit(raw []byte) (unit int, ok bool) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	for _, c := range raw[2:6] {
		digit := bytes.IndexByte([]byte("0123456789abcdef"), c|0x20)
		if digit < 0 {
			return 0, false
		}
		unit = unit*16 + digit
	}
	return unit, true
}
