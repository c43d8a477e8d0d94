package data

import (
	"bytes"
	"iter"
	"strings"
)

// documents reads a text file. A document ends at a run of blank lines, or at the
// separator if there is one. Its lines are joined with a single newline each,
// whatever line ends the file has, and a row's number is the line where the
// document begins. Blank lines around a document are not part of it, and a
// document of white space alone is none.
func (t *textReader) documents() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		d := newDocumentReader(t.separator)
		give := func(text string, start int) bool {
			if text == "" {
				return true
			}
			t.parser.count(form{Text, Fields{}})
			return yield(Row{File: t.name, Number: start, Kind: Text, Text: text}, nil)
		}
		for l, err := range t.lines() {
			if err != nil {
				yield(Row{}, err)
				return
			}
			if d.parts(l) {
				if !give(d.take()) {
					return
				}
				continue
			}
			if d.add(l); len(d.text) > t.limit {
				yield(Row{}, t.fail(max(d.start, 1), rowTooLongError{t.limit}))
				return
			}
			for text, start, found := d.cut(l.number); found; text, start, found = d.cut(l.number) {
				if !give(text, start) {
					return
				}
			}
		}
		give(d.take())
	}
}

// documentReader collects the lines of a document until something parts it from
// the next: a blank line, a line of its own (wholeLine), or a string that may
// stand inside a line or reach over several (inside). One of the two is empty.
type documentReader struct {
	wholeLine string
	inside    []byte

	text     []byte
	begun    bool // a line was added, even if an empty one
	start    int  // the first line that is not blank; 0 before it
	searched int  // inside does not begin before this place of text
}

// newDocumentReader takes a separator that begins and ends with a newline, such as
// "\n---\n", for a line of its own.
func newDocumentReader(separator string) *documentReader {
	separator = strings.ReplaceAll(separator, "\r\n", "\n")
	if name := strings.Trim(separator, "\n"); name != "" && separator == "\n"+name+"\n" && !strings.Contains(name, "\n") {
		return &documentReader{wholeLine: name}
	}
	return &documentReader{inside: []byte(separator)}
}

// parts reports whether a line ends the document and is not part of any.
func (d *documentReader) parts(l line) bool {
	switch {
	case d.wholeLine != "":
		return string(l.content) == d.wholeLine
	case len(d.inside) > 0:
		return false
	default:
		return l.blank()
	}
}

func (d *documentReader) add(l line) {
	if d.begun {
		d.text = append(d.text, '\n')
	}
	if d.begun = true; d.start == 0 && !l.blank() {
		d.start = l.number
	}
	d.text = append(d.text, l.content...)
}

// cut takes away the text up to the first separator inside it. What is behind the
// separator stands in the line that was added last, and begins the next document.
func (d *documentReader) cut(number int) (text string, start int, found bool) {
	if len(d.inside) == 0 {
		return "", 0, false
	}
	at := bytes.Index(d.text[d.searched:], d.inside)
	if at < 0 {
		d.searched = max(0, len(d.text)-len(d.inside)+1)
		return "", 0, false
	}
	end := d.searched + at
	rest := bytes.Clone(d.text[end+len(d.inside):])
	d.text = d.text[:end]
	text, start = d.take()
	d.add(line{number: number, content: rest})
	return text, start, true
}

// take returns the document without the blank lines before it and the line ends
// behind it, and forgets it.
func (d *documentReader) take() (text string, start int) {
	text, start = strings.TrimRight(string(d.text), "\n"), d.start
	d.text, d.begun, d.start, d.searched = d.text[:0], false, 0, 0
	trimmed := strings.TrimSpace(text)
	if trimmed == "" {
		return "", 0
	}
	first := strings.Index(text, trimmed)
	return text[strings.LastIndex(text[:first], "\n")+1:], start
}
