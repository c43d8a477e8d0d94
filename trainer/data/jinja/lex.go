package jinja

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenData
	tokenVariableBegin
	tokenVariableEnd
	tokenBlockBegin
	tokenBlockEnd
	tokenName
	tokenString
	tokenInteger
	tokenFloat
	tokenOperator
)

// token is one lexical unit. For strings, text is the unescaped value.
type token struct {
	kind tokenKind
	text string
	line int
}

func (t token) describe() string {
	switch t.kind {
	case tokenEnd:
		return "the end of the template"
	case tokenVariableEnd:
		return "'}}'"
	case tokenBlockEnd:
		return "'%}'"
	case tokenString:
		return fmt.Sprintf("the string %q", t.text)
	default:
		return fmt.Sprintf("'%s'", t.text)
	}
}

// lexer turns template source into tokens. lineStarting says whether the text
// at position begins a line as Jinja sees it: at the start, or after a tag whose
// end swallowed a newline.
type lexer struct {
	source       string
	position     int
	line         int
	lineStarting bool
	tokens       []token
}

func lex(source string) ([]token, error) {
	source = strings.ReplaceAll(source, "\r\n", "\n")
	source = strings.ReplaceAll(source, "\r", "\n")
	source = strings.TrimSuffix(source, "\n")
	l := &lexer{source: source, line: 1, lineStarting: true}
	for l.position < len(l.source) {
		if err := l.next(); err != nil {
			return nil, err
		}
	}
	l.emit(tokenEnd, "")
	return l.tokens, nil
}

func (l *lexer) emit(kind tokenKind, text string) {
	l.tokens = append(l.tokens, token{kind: kind, text: text, line: l.line})
}

func (l *lexer) advance(n int) {
	l.line += strings.Count(l.source[l.position:l.position+n], "\n")
	l.position += n
}

func (l *lexer) errorf(format string, arguments ...any) error {
	return fmt.Errorf("line %d: %s", l.line, fmt.Sprintf(format, arguments...))
}

// next lexes the text up to the next tag, and then that tag.
func (l *lexer) next() error {
	rest := l.source[l.position:]
	begin := nextTag(rest)
	if begin < 0 {
		l.emit(tokenData, rest)
		l.advance(len(rest))
		return nil
	}
	opening := rest[begin : begin+2]
	sign := byte(0)
	if begin+2 < len(rest) && (rest[begin+2] == '-' || rest[begin+2] == '+') {
		sign = rest[begin+2]
	}
	if text := l.stripBeforeTag(rest[:begin], opening, sign); text != "" {
		l.emit(tokenData, text)
	}
	width := begin + 2
	if sign != 0 {
		width++
	}
	l.advance(width)
	l.lineStarting = false
	switch opening {
	case "{#":
		return l.comment()
	case "{{":
		l.emit(tokenVariableBegin, "{{")
		return l.tag("}}", tokenVariableEnd)
	default:
		l.emit(tokenBlockBegin, "{%")
		return l.tag("%}", tokenBlockEnd)
	}
}

// nextTag returns the offset of the first tag opening, or -1.
func nextTag(text string) int {
	for offset := 0; ; offset++ {
		brace := strings.IndexByte(text[offset:], '{')
		if brace < 0 || offset+brace+1 >= len(text) {
			return -1
		}
		offset += brace
		switch text[offset+1] {
		case '{', '%', '#':
			return offset
		}
	}
}

// stripBeforeTag applies the white space rules to the text in front of a tag:
// "-" strips it all, and lstrip_blocks removes the indentation of a block or
// comment that is alone on its line unless "+" forbids it.
func (l *lexer) stripBeforeTag(text, opening string, sign byte) string {
	if sign == '-' {
		return strings.TrimRightFunc(text, isSpace)
	}
	if sign == '+' || opening == "{{" {
		return text
	}
	lineStart := strings.LastIndexByte(text, '\n') + 1
	if lineStart == 0 && !l.lineStarting {
		return text
	}
	if strings.TrimFunc(text[lineStart:], isSpace) != "" {
		return text
	}
	return text[:lineStart]
}

func (l *lexer) comment() error {
	end := strings.Index(l.source[l.position:], "#}")
	if end < 0 {
		return l.errorf("a comment is never closed with '#}'")
	}
	sign := byte(0)
	if end > 0 {
		sign = l.source[l.position+end-1]
	}
	l.advance(end + 2)
	l.afterTag(sign, true)
	return nil
}

// afterTag applies the white space rules behind a tag: "-" swallows all white
// space, and trim_blocks swallows one newline behind a block or comment.
func (l *lexer) afterTag(sign byte, trim bool) {
	rest := l.source[l.position:]
	switch {
	case sign == '-':
		l.advance(len(rest) - len(strings.TrimLeftFunc(rest, isSpace)))
	case sign != '+' && trim && strings.HasPrefix(rest, "\n"):
		l.advance(1)
	}
	l.lineStarting = l.position > 0 && l.source[l.position-1] == '\n'
}

// tag lexes the inside of {{ … }} or {% … %} up to its end.
func (l *lexer) tag(closing string, closingKind tokenKind) error {
	var brackets []byte
	start := l.line
	for {
		l.skipSpace()
		rest := l.source[l.position:]
		if rest == "" {
			return fmt.Errorf("line %d: a tag is never closed with '%s'", start, closing)
		}
		if len(brackets) == 0 {
			if sign, width := tagEnd(rest, closing); width > 0 {
				l.emit(closingKind, closing)
				l.advance(width)
				l.afterTag(sign, closingKind == tokenBlockEnd)
				return nil
			}
		}
		if err := l.expressionToken(&brackets); err != nil {
			return err
		}
	}
}

// tagEnd reports the sign and width of the tag end at the front of text, or
// width 0. "+%}" exists for blocks only.
func tagEnd(text, closing string) (sign byte, width int) {
	if strings.HasPrefix(text, closing) {
		return 0, len(closing)
	}
	if text[0] == '-' || text[0] == '+' && closing == "%}" {
		if strings.HasPrefix(text[1:], closing) {
			return text[0], len(closing) + 1
		}
	}
	return 0, 0
}

func (l *lexer) skipSpace() {
	rest := l.source[l.position:]
	l.advance(len(rest) - len(strings.TrimLeftFunc(rest, isSpace)))
}

func (l *lexer) expressionToken(brackets *[]byte) error {
	rest := l.source[l.position:]
	first, _ := utf8.DecodeRuneInString(rest)
	switch {
	case first >= '0' && first <= '9':
		return l.number()
	case isNameStart(first):
		width := strings.IndexFunc(rest, func(r rune) bool { return !isNameStart(r) && !unicode.IsDigit(r) })
		if width < 0 {
			width = len(rest)
		}
		l.emit(tokenName, rest[:width])
		l.advance(width)
		return nil
	case first == '\'' || first == '"':
		return l.stringLiteral()
	default:
		return l.operator(brackets)
	}
}

func isNameStart(r rune) bool { return r == '_' || unicode.IsLetter(r) }

// isSpace is white space as Python's str.isspace and regular expressions see it.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f
}
