package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"
)

// maximumLine bounds one row, so that a file without line ends (a disk image
// named .jsonl, say) ends in an error and not in exhausted memory.
const maximumLine = 512 << 20

// line is one line without its line end, and its 1-based number.
type line struct {
	number  int
	content []byte // valid until the next line is read
}

func (l line) blank() bool { return len(bytes.TrimSpace(l.content)) == 0 }

// lines goes through the lines of a file and checks that they are UTF-8.
func lines(path string, reader *bufio.Reader) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		var content []byte
		for number := 1; ; number++ {
			var readError error
			content, readError = readLine(reader, content[:0])
			if readError != nil && !errors.Is(readError, io.EOF) {
				yield(line{}, &RowError{File: path, Number: number, Err: fmt.Errorf("cannot be read: %w", readError)})
				return
			}
			if readError != nil && len(content) == 0 {
				return
			}
			content = bytes.TrimSuffix(bytes.TrimSuffix(content, []byte("\n")), []byte("\r"))
			if err := checkUTF8(content); err != nil {
				yield(line{}, &RowError{File: path, Number: number, Err: err})
				return
			}
			if !yield(line{number: number, content: content}, nil) || readError != nil {
				return
			}
		}
	}
}

// readLine appends the next line, with its line end, to buffer.
func readLine(reader *bufio.Reader, buffer []byte) ([]byte, error) {
	for {
		part, err := reader.ReadSlice('\n')
		buffer = append(buffer, part...)
		if len(buffer) > maximumLine {
			return nil, fmt.Errorf("the line is longer than %d MiB; split it into several rows", maximumLine>>20)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return buffer, err
		}
	}
}

func checkUTF8(content []byte) error {
	for i := 0; i < len(content); {
		r, width := utf8.DecodeRune(content[i:])
		if r == utf8.RuneError && width == 1 {
			return fmt.Errorf("invalid UTF-8: byte 0x%02x at column %d; save the file as UTF-8", content[i], i+1)
		}
		i += width
	}
	return nil
}

// readLines reads JSONL: one object a line.
func readLines(path string, reader *bufio.Reader) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for l, err := range lines(path, reader) {
			if err != nil {
				yield(Row{}, err)
				return
			}
			if l.blank() {
				continue
			}
			row, err := parseRow(l.content)
			if err != nil {
				yield(Row{}, &RowError{File: path, Number: l.number, Err: err})
				return
			}
			row.File, row.Number = path, l.number
			if !yield(row, nil) {
				return
			}
		}
	}
}

// readDocuments reads a text file: a run of blank lines ends a document. The
// lines of a document are joined with a single newline each, whatever line ends
// the file has, and a row's number is the line where its document begins.
func readDocuments(path string, reader *bufio.Reader) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		var document strings.Builder
		start := 0
		// flush yields the collected document, if there is one.
		flush := func() bool {
			if document.Len() == 0 {
				return true
			}
			row := Row{File: path, Number: start, Kind: Text, Text: document.String()}
			document.Reset()
			return yield(row, nil)
		}
		for l, err := range lines(path, reader) {
			if err != nil {
				yield(Row{}, err)
				return
			}
			switch {
			case l.blank():
				if !flush() {
					return
				}
				continue
			case document.Len() == 0:
				start = l.number
			default:
				document.WriteByte('\n')
			}
			document.Write(l.content)
		}
		flush()
	}
}
