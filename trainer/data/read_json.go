package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// elementReader reads rows that a JSON decoder parts, one at a time.
type elementReader struct {
	text    *textReader
	decoder *json.Decoder
	bounds  *boundedReader
	number  int // of the last element
}

func (t *textReader) elements(read func(*elementReader, func(Row, error) bool) error) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		bounds := &boundedReader{below: t.text, limit: t.limit}
		e := &elementReader{text: t, bounds: bounds, decoder: json.NewDecoder(bounds)}
		switch err := read(e, yield); {
		case err == nil || errors.Is(err, errStopped):
		case e.number == 0:
			yield(Row{}, fmt.Errorf("data file %s: %w", t.name, err))
		default:
			yield(Row{}, t.fail(e.number, err))
		}
	}
}

// errStopped says that the caller wants no more rows.
var errStopped = errors.New("stopped")

// array reads the elements of an array, which is all that the file holds.
func (e *elementReader) array(yield func(Row, error) bool) error {
	if _, err := e.decoder.Token(); err != nil {
		return e.invalid(err)
	}
	if err := e.rows(yield); err != nil {
		return err
	}
	return e.end("array")
}

// values reads objects one after the other.
func (e *elementReader) values(yield func(Row, error) bool) error {
	if err := e.rows(yield); err != nil {
		return err
	}
	return e.atEnd("last object")
}

// wrapped reads the one member of an object that is a list of objects.
func (e *elementReader) wrapped(yield func(Row, error) bool) error {
	if _, err := e.decoder.Token(); err != nil {
		return e.invalid(err)
	}
	taken := ""
	for e.decoder.More() {
		key, err := e.decoder.Token()
		if err != nil {
			return e.invalid(err)
		}
		isList, err := e.member()
		if err != nil {
			return err
		}
		if !isList {
			continue
		}
		if taken != "" {
			e.number = 0 // it is about the file, not about a row
			return fmt.Errorf("the file has two lists of objects, %q and %q; give a file with one", taken, key)
		}
		taken = key.(string)
		if err := e.rows(yield); err != nil {
			return err
		}
		if _, err := e.decoder.Token(); err != nil {
			return e.invalid(err)
		}
	}
	return e.end("object")
}

// member reads the value of a member, unless it is a list of objects: that it
// enters.
func (e *elementReader) member() (isList bool, err error) {
	e.bounds.reset()
	token, err := e.decoder.Token()
	if err != nil {
		return false, e.invalid(err)
	}
	if token == json.Delim('[') && e.decoder.More() && e.peek() == '{' {
		return true, nil
	}
	depth := 0
	for {
		switch token {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
		if depth == 0 {
			return false, nil
		}
		if token, err = e.decoder.Token(); err != nil {
			return false, e.invalid(err)
		}
	}
}

// peek returns the next byte that is not white space; More has brought it in.
func (e *elementReader) peek() byte {
	buffered := e.decoder.Buffered()
	for {
		var next [1]byte
		if _, err := io.ReadFull(buffered, next[:]); err != nil {
			return 0
		}
		if !strings.ContainsRune(" \t\r\n", rune(next[0])) {
			return next[0]
		}
	}
}

// rows reads objects up to the end of the list that the decoder stands in.
func (e *elementReader) rows(yield func(Row, error) bool) error {
	for e.decoder.More() {
		e.bounds.reset()
		e.number++
		var raw json.RawMessage
		if err := e.decoder.Decode(&raw); err != nil {
			return e.invalid(err)
		}
		if err := checkUTF8(raw); err != nil {
			return err
		}
		object, err := parseObject(raw)
		if err != nil {
			return err
		}
		row, err := e.text.parser.row(object)
		if err != nil {
			return err
		}
		row.File, row.Number = e.text.name, e.number
		if !yield(row, nil) {
			return errStopped
		}
	}
	return nil
}

// end checks that the array or object is closed and that nothing follows it.
func (e *elementReader) end(what string) error {
	if _, err := e.decoder.Token(); err != nil {
		return e.invalid(err)
	}
	return e.atEnd(what)
}

func (e *elementReader) atEnd(what string) error {
	_, err := e.decoder.Token()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil && !isSyntax(err) {
		return e.invalid(err)
	}
	return fmt.Errorf("something follows the %s, at byte %d; a .json file holds one array, or objects one after the other", what, e.decoder.InputOffset())
}

func isSyntax(err error) bool { return errors.As(err, new(*json.SyntaxError)) }

// invalid words an error of the decoder.
func (e *elementReader) invalid(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, errDamaged) {
		return errors.New("invalid JSON: the file ends inside the array or object; it may be cut short")
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("invalid JSON at byte %d: %w", syntax.Offset, err)
	}
	if e.bounds.failed {
		return cannotRead(err)
	}
	return fmt.Errorf("invalid JSON at byte %d: %w", e.decoder.InputOffset(), err)
}
