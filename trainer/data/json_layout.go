package data

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
)

// jsonWindow is how much of a .json file is looked at to tell its layout.
const jsonWindow = 1 << 20

// jsonFile reads a .json file, which is an array of objects, an object whose
// member is such an array ({"data": [...]}), objects one after the other, or
// lines, since many data sets call JSONL .json.
func (t *textReader) jsonFile() iter.Seq2[Row, error] {
	t.text = bufio.NewReaderSize(t.text, jsonWindow)
	window, err := t.text.Peek(jsonWindow)
	if err != nil && !errors.Is(err, io.EOF) {
		return failed(fmt.Errorf("data file %s: %w", t.name, cannotRead(err)))
	}
	switch t.layout(window, err != nil) {
	case jsonArray:
		return t.elements((*elementReader).array)
	case jsonWrapped:
		return t.elements((*elementReader).wrapped)
	case jsonValues:
		return t.elements((*elementReader).values)
	default:
		return t.jsonLines()
	}
}

// jsonLayout is how a .json file holds its rows.
type jsonLayout int

const (
	jsonOnLines jsonLayout = iota
	jsonArray
	jsonWrapped // an array that is a member of one object
	jsonValues  // objects that reach over several lines
)

// layout tells the layout from a file's beginning, which is all of it if whole.
// Where a line or a file is one object, what is a row by itself is taken as one,
// even if it has a list of objects among its members.
func (t *textReader) layout(window []byte, whole bool) jsonLayout {
	window = bytes.TrimLeft(window, " \t\r\n")
	if bytes.HasPrefix(window, []byte("[")) {
		return jsonArray
	}
	var object json.RawMessage
	decoder := json.NewDecoder(bytes.NewReader(window))
	complete := decoder.Decode(&object) == nil
	alone := whole && complete && len(bytes.TrimSpace(window[decoder.InputOffset():])) == 0
	firstLine, _, _ := bytes.Cut(window, []byte("\n"))
	onLines := json.Valid(firstLine)
	switch {
	case wrapsList(window, t.parser) && !t.parser.canRead(object) && (alone || !onLines):
		return jsonWrapped
	case !onLines && (complete || string(bytes.TrimSpace(firstLine)) == "{"):
		return jsonValues
	default:
		return jsonOnLines
	}
}

// canRead reports whether an object is a row.
func (p *rowParser) canRead(object []byte) bool {
	c, err := parseObject(object)
	if err != nil {
		return false
	}
	_, err = p.form(c)
	return err == nil
}

// wrapsList reports whether an object has a member that is a list of objects and
// not itself a part of a row, as messages are. Only members that begin within the
// window are seen.
func wrapsList(window []byte, parser *rowParser) bool {
	decoder := json.NewDecoder(bytes.NewReader(window))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return false
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return false
		}
		value := window[decoder.InputOffset():]
		value = bytes.TrimLeft(bytes.TrimPrefix(bytes.TrimLeft(value, " \t\r\n"), []byte(":")), " \t\r\n")
		inner, isList := bytes.CutPrefix(value, []byte("["))
		if isList && bytes.HasPrefix(bytes.TrimLeft(inner, " \t\r\n"), []byte("{")) && !parser.takesMessages(key.(string)) {
			return true
		}
		if err := decoder.Decode(new(json.RawMessage)); err != nil {
			return false
		}
	}
	return false
}

// takesMessages reports whether a field of this name would be read as messages.
func (p *rowParser) takesMessages(field string) bool {
	if p.named != nil {
		return field == p.named.fields.Messages
	}
	return slices.Contains(conversationFields, field)
}
