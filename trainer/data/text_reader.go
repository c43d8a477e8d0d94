package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/shannon-labs/scu/trainer/data/source"
)

// maximumRow bounds one row, in bytes, so that a file without line ends (a disk
// image named .jsonl, or a compressed bomb) ends in an error and not in exhausted
// memory.
const maximumRow = 128 << 20

// textReader reads the rows of one text file.
type textReader struct {
	name      string // what messages call the file
	format    source.Format
	text      *bufio.Reader
	parser    *rowParser
	separator string // between the documents of a .txt file; "" is blank lines
	limit     int    // bytes of one row
}

func newTextReader(name string, format source.Format, text io.Reader, parser *rowParser) *textReader {
	return &textReader{name: name, format: format, text: bufio.NewReaderSize(text, 1<<16), parser: parser, limit: maximumRow}
}

// rows goes through the rows of the file.
func (t *textReader) rows() iter.Seq2[Row, error] {
	if err := t.skipByteOrderMark(); err != nil {
		return failed(fmt.Errorf("data file %s: %w", t.name, err))
	}
	switch t.format {
	case source.JSONLines:
		return t.jsonLines()
	case source.JSON:
		return t.jsonFile()
	case source.CSV:
		return t.csvFile(',')
	case source.TSV:
		return t.csvFile('\t')
	case source.Text:
		return t.documents()
	default:
		return failed(fmt.Errorf("data file %s: format %q is not one of text", t.name, t.format))
	}
}

// skipByteOrderMark drops the mark of UTF-8 and refuses those of UTF-16, whose
// text would otherwise fail in a less obvious way.
func (t *textReader) skipByteOrderMark() error {
	start, err := t.text.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return cannotRead(err)
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		_, err := t.text.Discard(3)
		return err
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return errors.New("the text is UTF-16; save it as UTF-8")
	}
	return nil
}

// row parses columns into the row of this number.
func (t *textReader) row(c columns, number int) (Row, error) {
	row, err := t.parser.row(c)
	if err != nil {
		return Row{}, t.fail(number, err)
	}
	row.File, row.Number = t.name, number
	return row, nil
}

// fail is the error about the row of a number.
func (t *textReader) fail(number int, err error) error {
	return &RowError{File: t.name, Number: number, Err: err}
}

// cannotRead words an error of the file below, not of what is in it.
func cannotRead(err error) error {
	if errors.As(err, new(rowTooLongError)) {
		return err
	}
	return fmt.Errorf("it cannot be read: %w", err)
}

// rowTooLongError is a row of more than maximumRow bytes.
type rowTooLongError struct{ limit int }

func (e rowTooLongError) Error() string {
	if e.limit < 1<<20 {
		return fmt.Sprintf("the row is longer than %d bytes; split it into several rows", e.limit)
	}
	return fmt.Sprintf("the row is longer than %d MiB; split it into several rows", e.limit>>20)
}
