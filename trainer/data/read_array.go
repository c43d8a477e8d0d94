package data

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// readArrayOrLines reads a .json file: an array of objects when its first
// character is "[", and otherwise lines, since many data sets call JSONL .json.
func readArrayOrLines(path string, reader *bufio.Reader) iter.Seq2[Row, error] {
	first, err := firstCharacter(reader)
	if err != nil {
		return failed(fmt.Errorf("data file %s cannot be read: %w", path, err))
	}
	if first == '[' {
		return readArray(path, reader)
	}
	return readLines(path, reader)
}

// firstCharacter returns the first byte that is not white space, without
// consuming it or the lines before it: line numbers stay right. It looks at no
// more than the reader's buffer, and returns 0 for blank input.
func firstCharacter(reader *bufio.Reader) (byte, error) {
	start, err := reader.Peek(reader.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	start = bytes.TrimLeft(start, " \t\r\n")
	if len(start) == 0 {
		return 0, nil
	}
	return start[0], nil
}

// readArray reads the elements of a JSON array one at a time.
func readArray(path string, reader *bufio.Reader) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		decoder := json.NewDecoder(reader)
		number := 0
		fail := func(err error) {
			yield(Row{}, &RowError{File: path, Number: number, Err: err})
		}
		if _, err := decoder.Token(); err != nil {
			fail(invalidJSON(err, decoder.InputOffset()))
			return
		}
		for decoder.More() {
			number++
			var raw json.RawMessage
			if err := decoder.Decode(&raw); err != nil {
				fail(invalidJSON(err, decoder.InputOffset()))
				return
			}
			row, err := parseElement(raw)
			if err != nil {
				fail(err)
				return
			}
			row.File, row.Number = path, number
			if !yield(row, nil) {
				return
			}
		}
		if err := endArray(decoder); err != nil {
			fail(err)
		}
	}
}

func parseElement(raw json.RawMessage) (Row, error) {
	if err := checkUTF8(raw); err != nil {
		return Row{}, err
	}
	return parseRow(raw)
}

// endArray checks that the array is closed and that nothing follows it.
func endArray(decoder *json.Decoder) error {
	if _, err := decoder.Token(); err != nil {
		return invalidJSON(err, decoder.InputOffset())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something follows the array, at byte %d; a .json file holds one array", decoder.InputOffset())
	}
	return nil
}

// invalidJSON words an error of a JSON array; offset is where the decoder stood.
func invalidJSON(err error, offset int64) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("invalid JSON: the file ends inside the array; it may be cut short")
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset = syntax.Offset
	}
	return fmt.Errorf("invalid JSON at byte %d: %w", offset, err)
}
