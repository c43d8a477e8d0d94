package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// Read goes through the rows of a file, one at a time: a large file is never
// held whole. The form follows the extension:
//
//	.jsonl, .ndjson   one JSON object a line; blank lines are skipped
//	.json             an array of objects, or lines as in .jsonl
//	.txt              documents with one or more blank lines between them
//
// A byte order mark at the start and CRLF line ends are tolerated. Each row is
// checked fully before it is yielded. The first error ends the sequence: a
// RowError for a bad row, and otherwise one that names the file. A file without
// rows is an error too.
func Read(path string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		count := 0
		for row, err := range readRows(path) {
			if err != nil {
				yield(Row{}, err)
				return
			}
			count++
			if !yield(row, nil) {
				return
			}
		}
		if count == 0 {
			yield(Row{}, fmt.Errorf("data file %s holds no rows: it is empty or blank; give a file with at least one row", path))
		}
	}
}

// ReadFile reads all rows of a file; see Read.
func ReadFile(path string) ([]Row, error) {
	var rows []Row
	for row, err := range Read(path) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// failed is the sequence that holds only an error.
func failed(err error) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) { yield(Row{}, err) }
}

func readRows(path string) iter.Seq2[Row, error] {
	extension := strings.ToLower(filepath.Ext(path))
	form, ok := map[string]func(string, *bufio.Reader) iter.Seq2[Row, error]{
		".jsonl": readLines, ".ndjson": readLines, ".json": readArrayOrLines, ".txt": readDocuments,
	}[extension]
	if info, err := os.Stat(path); err != nil {
		return failed(fmt.Errorf("data file %s cannot be read: %w; check the path", path, errors.Unwrap(err)))
	} else if info.IsDir() {
		return failed(fmt.Errorf("data file %s is a directory; give one file in it, such as train.jsonl", path))
	}
	if !ok {
		return failed(fmt.Errorf("data file %s: the extension %q is not known; accepted: .jsonl, .ndjson, .json, .txt", path, extension))
	}
	return func(yield func(Row, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(Row{}, fmt.Errorf("data file %s cannot be read: %w; check its permissions", path, errors.Unwrap(err)))
			return
		}
		defer file.Close() // opened for reading: a failure to close loses nothing
		reader, err := skipByteOrderMark(bufio.NewReaderSize(file, 1<<16))
		if err != nil {
			yield(Row{}, fmt.Errorf("data file %s: %w", path, err))
			return
		}
		form(path, reader)(yield)
	}
}

// skipByteOrderMark drops the mark of UTF-8 and refuses those of UTF-16, whose
// text would otherwise fail in a less obvious way.
func skipByteOrderMark(reader *bufio.Reader) (*bufio.Reader, error) {
	start, err := reader.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		if _, err := reader.Discard(3); err != nil {
			return nil, err
		}
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return nil, errors.New("the text is UTF-16; save it as UTF-8")
	}
	return reader, nil
}
