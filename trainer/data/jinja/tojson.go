package jinja

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// jsonWriter is Python's json.dumps as the tojson filter of transformers calls
// it: no HTML escapes, characters beyond ASCII as they are unless ensureASCII.
type jsonWriter struct {
	out         strings.Builder
	indent      string // one level, when multiline
	multiline   bool
	itemEnd     string
	keyEnd      string
	ensureASCII bool
	sortKeys    bool
}

func (w *jsonWriter) write(v value, depth int) error {
	if depth > maximumDepth {
		return fmt.Errorf("tojson: the value is nested more than %d levels deep", maximumDepth)
	}
	switch v := v.(type) {
	case nil:
		w.out.WriteString("null")
	case bool:
		w.out.WriteString(strconv.FormatBool(v))
	case int:
		w.out.WriteString(strconv.Itoa(v))
	case float64:
		w.out.WriteString(jsonFloat(v))
	case string:
		w.writeString(v)
	case []any:
		return w.writeItems(v, depth)
	case tuple:
		return w.writeItems(v, depth)
	case *Mapping:
		return w.writeMapping(v, depth)
	default:
		return fmt.Errorf("tojson: a value of type %s is not JSON", typeName(v))
	}
	return nil
}

func jsonFloat(x float64) string {
	switch {
	case math.IsNaN(x):
		return "NaN"
	case math.IsInf(x, 1):
		return "Infinity"
	case math.IsInf(x, -1):
		return "-Infinity"
	}
	return floatText(x)
}

// separate writes what stands between two items, or between a bracket and an
// item, at the given depth.
func (w *jsonWriter) separate(after string, depth int) {
	w.out.WriteString(after)
	if w.multiline {
		w.out.WriteString("\n" + strings.Repeat(w.indent, depth))
	}
}

func (w *jsonWriter) writeItems(items []any, depth int) error {
	if len(items) == 0 {
		w.out.WriteString("[]")
		return nil
	}
	before := "["
	for _, item := range items {
		w.separate(before, depth+1)
		if err := w.write(item, depth+1); err != nil {
			return err
		}
		before = w.itemEnd
	}
	w.separate("", depth)
	w.out.WriteString("]")
	return nil
}

func (w *jsonWriter) writeMapping(m *Mapping, depth int) error {
	if len(m.keys) == 0 {
		w.out.WriteString("{}")
		return nil
	}
	keys := m.keys
	if w.sortKeys {
		keys = slices.Sorted(slices.Values(keys))
	}
	before := "{"
	for _, key := range keys {
		w.separate(before, depth+1)
		w.writeString(key)
		w.out.WriteString(w.keyEnd)
		if err := w.write(m.values[key], depth+1); err != nil {
			return err
		}
		before = w.itemEnd
	}
	w.separate("", depth)
	w.out.WriteString("}")
	return nil
}

var jsonEscapes = map[rune]string{
	'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\f': `\f`, '\b': `\b`,
}

func (w *jsonWriter) writeString(s string) {
	w.out.WriteByte('"')
	for _, r := range s {
		escape, special := jsonEscapes[r]
		switch {
		case special:
			w.out.WriteString(escape)
		case r < 0x20 || w.ensureASCII && r >= 0x7f && r < 0x10000:
			fmt.Fprintf(&w.out, `\u%04x`, r)
		case w.ensureASCII && r >= 0x10000:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&w.out, `\u%04x\u%04x`, high, low)
		default:
			w.out.WriteRune(r)
		}
	}
	w.out.WriteByte('"')
}

// filterToJSON is tojson(ensure_ascii=False, indent=None, separators=None,
// sort_keys=False).
func filterToJSON(v value, given callArguments) (value, error) {
	arguments, err := given.bind("tojson", optional("ensure_ascii", false), optional("indent", nil), optional("separators", nil), optional("sort_keys", false))
	if err != nil {
		return nil, err
	}
	w := &jsonWriter{itemEnd: ", ", keyEnd: ": ", ensureASCII: truth(arguments[0]), sortKeys: truth(arguments[3])}
	switch indent := arguments[1].(type) {
	case nil:
	case string:
		w.multiline, w.indent = true, indent
	default:
		width, ok := integer(indent)
		if !ok || width > 64 {
			return nil, fmt.Errorf("tojson: indent must be a number up to 64 or a str")
		}
		w.multiline, w.indent = true, strings.Repeat(" ", max(width, 0))
	}
	if w.multiline {
		w.itemEnd = ","
	}
	if arguments[2] != nil {
		separators, err := iterate(arguments[2])
		if err != nil || len(separators) != 2 {
			return nil, fmt.Errorf("tojson: separators must be two strings")
		}
		var ok [2]bool
		w.itemEnd, ok[0] = separators[0].(string)
		w.keyEnd, ok[1] = separators[1].(string)
		if !ok[0] || !ok[1] {
			return nil, fmt.Errorf("tojson: separators must be two strings")
		}
	}
	if err := w.write(v, 0); err != nil {
		return nil, err
	}
	return w.out.String(), nil
}
