package data

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

// csvFile reads a table of comma- or tab-separated values. The first row names
// the fields; a row's number is the line where it begins.
func (t *textReader) csvFile(comma rune) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		table := newCSVTable(t, comma)
		if err := table.readHeader(); err != nil {
			if !errors.Is(err, io.EOF) {
				yield(Row{}, err)
			}
			return
		}
		for {
			cells, number, err := table.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
			row, err := t.row(cells, number)
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// csvTable gives the records of a CSV file as columns.
type csvTable struct {
	text   *textReader
	bounds *boundedReader
	csv    *csv.Reader
	names  []string
	line   int // where the last row begins
}

func newCSVTable(t *textReader, comma rune) *csvTable {
	bounds := &boundedReader{below: t.text, limit: t.limit}
	reader := csv.NewReader(bufio.NewReaderSize(bounds, largestRead))
	reader.Comma = comma
	reader.ReuseRecord = true
	return &csvTable{text: t, bounds: bounds, csv: reader}
}

// readHeader reads the names. A column without a name, as some exports of tables
// have for their index, is ignored; two of one name cannot be told apart.
func (c *csvTable) readHeader() error {
	record, err := c.csv.Read()
	if err != nil {
		return c.invalid(err)
	}
	c.line, _ = c.csv.FieldPos(0)
	for _, name := range record {
		name = strings.TrimSpace(name)
		if err := checkUTF8([]byte(name)); err != nil {
			return c.text.fail(c.line, fmt.Errorf("the header: %w", err))
		}
		if name != "" && slices.Contains(c.names, name) {
			return c.text.fail(c.line, fmt.Errorf("the header names the column %q twice; rename one", name))
		}
		c.names = append(c.names, name)
	}
	return nil
}

// next returns the next row and the line where it begins.
func (c *csvTable) next() (columns, int, error) {
	c.bounds.reset()
	record, err := c.csv.Read()
	if err != nil {
		return nil, 0, c.invalid(err)
	}
	c.line, _ = c.csv.FieldPos(0)
	cells := make(tableColumns, len(record))
	for i, cell := range record {
		if c.names[i] != "" {
			cells[c.names[i]] = strings.Clone(cell)
		}
	}
	return cells, c.line, nil
}

// invalid words an error of the csv package; io.EOF stays as it is.
func (c *csvTable) invalid(err error) error {
	var parse *csv.ParseError
	switch {
	case err == io.EOF:
		return err
	case !errors.As(err, &parse):
		return c.text.fail(c.line+1, cannotRead(err))
	case errors.Is(err, csv.ErrFieldCount):
		return c.text.fail(parse.StartLine, fmt.Errorf("the row does not have the %d fields that the header names; a field that holds the delimiter or a line end must be in quotes", len(c.names)))
	case errors.Is(err, csv.ErrQuote) || errors.Is(err, csv.ErrBareQuote):
		return c.text.fail(parse.StartLine, fmt.Errorf(`line %d, column %d: %w; a field with a quote in it must be in quotes, with "" for each quote of the text`, parse.Line, parse.Column, parse.Err))
	default:
		return c.text.fail(parse.StartLine, fmt.Errorf("line %d: %w", parse.Line, cannotRead(parse.Err)))
	}
}
