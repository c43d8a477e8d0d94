package jinja

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// number lexes an integer or a float with decimal digits. Jinja also knows
// underscores and other bases, which no chat template needs.
func (l *lexer) number() error {
	rest := l.source[l.position:]
	width := digits(rest)
	kind := tokenInteger
	// "items.0.1" is two lookups by index, not a lookup by 0.1.
	afterDot := l.position > 0 && l.source[l.position-1] == '.'
	if !afterDot && width < len(rest) && rest[width] == '.' {
		if fraction := digits(rest[width+1:]); fraction > 0 {
			kind, width = tokenFloat, width+1+fraction
		}
	}
	if width < len(rest) {
		if next, _ := utf8.DecodeRuneInString(rest[width:]); isNameStart(next) {
			return l.errorf("the number starting %q is not supported: write it in plain decimal digits", rest[:width+1])
		}
	}
	l.emit(kind, rest[:width])
	l.advance(width)
	return nil
}

func digits(text string) int {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return n
}

func (l *lexer) stringLiteral() error {
	rest := l.source[l.position:]
	quote := rest[0]
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case quote:
			value, err := unescape(rest[1:i])
			if err != "" {
				return l.errorf("string %s: %s", rest[:i+1], err)
			}
			l.emit(tokenString, value)
			l.advance(i + 1)
			return nil
		}
	}
	return l.errorf("a string is never closed with %c", quote)
}

var simpleEscapes = map[byte]string{
	'\n': "", '\\': "\\", '\'': "'", '"': "\"", 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
}

// unescape resolves the escapes of a Python string literal. An unknown escape
// keeps its backslash, as in Python. The second result is a complaint or "".
func unescape(text string) (value, complaint string) {
	if !strings.Contains(text, `\`) {
		return text, ""
	}
	var out strings.Builder
	for i := 0; i < len(text); {
		if text[i] != '\\' {
			out.WriteByte(text[i])
			i++
			continue
		}
		next := text[i+1] // the lexer has made sure that something follows
		i += 2
		if plain, ok := simpleEscapes[next]; ok {
			out.WriteString(plain)
			continue
		}
		switch {
		case next == 'x' || next == 'u' || next == 'U':
			width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[next]
			if i+width > len(text) {
				return "", "an escape is cut short"
			}
			code, err := strconv.ParseUint(text[i:i+width], 16, 32)
			if err != nil || !utf8.ValidRune(rune(code)) {
				return "", "an escape does not name a character"
			}
			out.WriteRune(rune(code))
			i += width
		case next >= '0' && next <= '7':
			code := int(next - '0')
			for n := 1; n < 3 && i < len(text) && text[i] >= '0' && text[i] <= '7'; n++ {
				code = code*8 + int(text[i]-'0')
				i++
			}
			out.WriteRune(rune(code))
		case next == 'N' || next >= utf8.RuneSelf:
			return "", "this escape is not supported"
		default:
			out.WriteByte('\\')
			out.WriteByte(next)
		}
	}
	return out.String(), ""
}

// operators, longest first so that "**" is not read as two "*".
var operators = []string{
	"**", "//", "==", "!=", "<=", ">=",
	"+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", "<", ">", "=", ".", ":", "|", ",",
}

var closingBracket = map[string]byte{"(": ')', "[": ']', "{": '}'}

func (l *lexer) operator(brackets *[]byte) error {
	rest := l.source[l.position:]
	for _, operator := range operators {
		if !strings.HasPrefix(rest, operator) {
			continue
		}
		if closing, ok := closingBracket[operator]; ok {
			*brackets = append(*brackets, closing)
		} else if strings.Contains(")]}", operator) {
			last := len(*brackets) - 1
			if last < 0 || (*brackets)[last] != operator[0] {
				return l.errorf("unexpected '%s'", operator)
			}
			*brackets = (*brackets)[:last]
		}
		l.emit(tokenOperator, operator)
		l.advance(len(operator))
		return nil
	}
	unexpected, _ := utf8.DecodeRuneInString(rest)
	return l.errorf("unexpected character %q", unexpected)
}
