package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"unicode/utf8"
)

// line is one line without its line end, and its 1-based number.
type line struct {
	number  int
	content []byte // valid until the next line is read
}

func (l line) blank() bool { return len(bytes.TrimSpace(l.content)) == 0 }

// lines goes through the lines of a file and checks that they are UTF-8.
func (t *textReader) lines() iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		var content []byte
		for number := 1; ; number++ {
			var readError error
			content, readError = t.readLine(content[:0])
			if readError != nil && !errors.Is(readError, io.EOF) {
				yield(line{}, t.fail(number, cannotRead(readError)))
				return
			}
			if readError != nil && len(content) == 0 {
				return
			}
			content = bytes.TrimSuffix(bytes.TrimSuffix(content, []byte("\n")), []byte("\r"))
			if err := checkUTF8(content); err != nil {
				yield(line{}, t.fail(number, err))
				return
			}
			if !yield(line{number: number, content: content}, nil) || readError != nil {
				return
			}
		}
	}
}

// readLine appends the next line, with its line end, to buffer.
func (t *textReader) readLine(buffer []byte) ([]byte, error) {
	for {
		part, err := t.text.ReadSlice('\n')
		if cap(buffer)-len(buffer) < len(part) {
			buffer = slices.Grow(buffer, max(len(buffer), len(part))) // doubled, so that a long line is copied a few times only
		}
		buffer = append(buffer, part...)
		if len(buffer) > t.limit {
			return nil, rowTooLongError{t.limit}
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return buffer, err
		}
	}
}

func checkUTF8(content []byte) error {
	if utf8.Valid(content) { // which is quicker than to look for the place
		return nil
	}
	for i := 0; i < len(content); {
		r, width := utf8.DecodeRune(content[i:])
		if r == utf8.RuneError && width == 1 {
			return fmt.Errorf("invalid UTF-8: byte 0x%02x at column %d; save the file as UTF-8", content[i], i+1)
		}
		i += width
	}
	return nil
}

// jsonLines reads JSONL: one object a line.
func (t *textReader) jsonLines() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for l, err := range t.lines() {
			if err != nil {
				yield(Row{}, err)
				return
			}
			if l.blank() {
				continue
			}
			object, err := parseObject(l.content)
			if err != nil {
				yield(Row{}, t.fail(l.number, err))
				return
			}
			row, err := t.row(object, l.number)
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}
