package data

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// parquetBatch is how many rows are decoded at a time.
const parquetBatch = 64

// parquetFile reads the rows of a Parquet file, a few at a time. A row's number
// counts from 1 through all row groups.
//
// The library panics on some files that break the format: in the methods that call
// it, and only there, a panic becomes an error that names the file and the row.
func parquetFile(name string, file io.ReaderAt, size int64, parser *rowParser) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		p := &parquetReader{name: name, file: file, size: size, parser: parser}
		if err := p.open(); err != nil {
			yield(Row{}, fmt.Errorf("data file %s cannot be read as Parquet: %w; it may be cut short or of another format", name, err))
			return
		}
		defer p.close()
		for {
			rows, err := p.next()
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Row{}, &RowError{File: name, Number: p.number + 1, Err: err})
				return
			}
		}
	}
}

// parquetReader decodes batches of rows.
type parquetReader struct {
	name   string
	file   io.ReaderAt
	size   int64
	parser *rowParser
	fields []parquetField
	groups []parquet.RowGroup         // those not begun yet
	chunks [][]*format.ColumnMetaData // of each of them, by column
	rows   parquet.RowReadSeekCloser  // of the row group that is being read; nil between two
	batch  [parquetBatch]parquet.Row

	number   int   // rows read so far
	declared int64 // rows of all row groups
}

// guard turns a panic of the library into an error.
func guard(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("the file breaks the Parquet format: %v", cause)
	}
}

func (p *parquetReader) open() (err error) {
	defer guard(&err)
	if err := checkParquetFooter(p.file, p.size); err != nil {
		return err
	}
	opened, err := parquet.OpenFile(p.file, p.size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return err
	}
	if p.fields, err = parquetFields(opened.Root(), p.parser.wanted()); err != nil {
		return err
	}
	p.declared = opened.NumRows()
	for i, group := range opened.RowGroups() {
		if group.NumRows() == 0 {
			continue // the library cannot read one
		}
		var chunks []*format.ColumnMetaData
		for j := range opened.Metadata().RowGroups[i].Columns {
			chunks = append(chunks, &opened.Metadata().RowGroups[i].Columns[j].MetaData)
		}
		p.groups, p.chunks = append(p.groups, group), append(p.chunks, chunks)
	}
	return nil
}

// checkParquetFooter makes sure that the footer fits into the file and the lengths
// in it into the footer, before memory of their size is taken.
func checkParquetFooter(file io.ReaderAt, size int64) error {
	const magic, tail = "PAR1", 8 // the file ends with the footer's length, 4 bytes, and the magic
	if size < int64(len(magic)+tail) {
		return fmt.Errorf("it has %d bytes, too few for a Parquet file", size)
	}
	var end [tail]byte
	if _, err := file.ReadAt(end[:], size-tail); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if string(end[4:]) != magic {
		return fmt.Errorf("it does not end with %q", magic)
	}
	footer := int64(end[0]) | int64(end[1])<<8 | int64(end[2])<<16 | int64(end[3])<<24
	if footer > size-tail {
		return fmt.Errorf("its footer of %d bytes is longer than the file", footer)
	}
	description := make([]byte, footer)
	if _, err := file.ReadAt(description, size-tail-footer); err != nil {
		return err
	}
	_, err := thriftLength(description)
	return err
}

// begin opens the next row group: the columns that rows are made of.
func (p *parquetReader) begin() error {
	group, chunks := p.groups[0], p.chunks[0]
	p.groups, p.chunks = p.groups[1:], p.chunks[1:]
	available := group.ColumnChunks()
	var columns []parquet.ColumnChunk
	for _, field := range p.fields {
		for _, leaf := range field.leaves {
			index := leaf.column.Index()
			if index >= min(len(chunks), len(available)) {
				return fmt.Errorf("column %q is not in all row groups; the file is damaged", field.name)
			}
			if err := p.checkChunk(chunks[index], group.NumRows(), field.list); err != nil {
				return fmt.Errorf("column %q: %w", strings.Join(chunks[index].PathInSchema, "."), err)
			}
			columns = append(columns, available[index])
		}
	}
	if len(columns) == 0 {
		_, err := p.row(nil) // says what is there and what should be
		return err
	}
	return p.openColumns(columns)
}

func (p *parquetReader) openColumns(columns []parquet.ColumnChunk) (err error) {
	defer guard(&err)
	p.rows = parquet.NewColumnChunkRowReader(columns)
	return nil
}

// checkChunk refuses what the library cannot be trusted with. LZ4 is among it: on
// damaged data the library asks for memory until there is none, and it can decode
// sound data wrongly.
func (p *parquetReader) checkChunk(chunk *format.ColumnMetaData, rows int64, list bool) (err error) {
	defer guard(&err)
	switch {
	case chunk.Codec == format.Lz4Raw || chunk.Codec == format.Lz4:
		return fmt.Errorf("it is compressed with %s, which is not supported; write it with zstd, snappy or gzip", chunk.Codec)
	case chunk.NumValues < rows || !list && chunk.NumValues != rows:
		return fmt.Errorf("it has %d values for %d rows", chunk.NumValues, rows)
	}
	return checkPages(p.file, p.size, chunk)
}

// next returns the rows of the next batch. Those before an error are returned with
// it, so that the error is about the row after them.
func (p *parquetReader) next() (rows []Row, err error) {
	if p.rows == nil {
		if len(p.groups) == 0 {
			return nil, p.end()
		}
		if err := p.begin(); err != nil {
			return nil, err
		}
	}
	n, readError := p.read()
	for _, encoded := range p.batch[:n] {
		row, err := p.row(encoded)
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
	switch {
	case errors.Is(readError, io.EOF):
		return rows, p.close()
	case readError == nil && n == 0:
		return rows, errors.New("the library read nothing")
	default:
		return rows, readError
	}
}

// read decodes the next batch.
func (p *parquetReader) read() (n int, err error) {
	defer guard(&err)
	return p.rows.ReadRows(p.batch[:])
}

// end is io.EOF if all rows were read.
func (p *parquetReader) end() error {
	if int64(p.number) != p.declared {
		return fmt.Errorf("the file holds %d rows, but declares %d; it may be damaged", p.number, p.declared)
	}
	return io.EOF
}

func (p *parquetReader) row(encoded parquet.Row) (Row, error) {
	cells, err := p.cells(encoded)
	if err != nil {
		return Row{}, err
	}
	row, err := p.parser.row(cells)
	if err != nil {
		return Row{}, err
	}
	p.number++
	row.File, row.Number = p.name, p.number
	return row, nil
}

// cells puts the values of a row together. Those of a column are next to each
// other in it.
func (p *parquetReader) cells(encoded parquet.Row) (cells tableColumns, err error) {
	defer guard(&err)
	byColumn := map[int][]parquet.Value{}
	for start := 0; start < len(encoded); {
		column, end := encoded[start].Column(), start+1
		for end < len(encoded) && encoded[end].Column() == column {
			end++
		}
		byColumn[column] = encoded[start:end]
		start = end
	}
	cells = make(tableColumns, len(p.fields))
	for i := range p.fields {
		if cells[p.fields[i].name], err = p.fields[i].cell(byColumn); err != nil {
			return nil, err
		}
	}
	return cells, nil
}

func (p *parquetReader) close() (err error) {
	defer guard(&err)
	if p.rows == nil {
		return nil
	}
	rows := p.rows
	p.rows = nil
	return rows.Close()
}
