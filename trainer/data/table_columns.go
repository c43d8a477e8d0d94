package data

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// tableColumns are the cells of a row of a table. A cell is nil, a string, a
// list, a group of cells, a number or boolean, or an unreadCell, as the Parquet
// reader gives them; all cells of a CSV file are strings.
type tableColumns map[string]any

func (c tableColumns) holds(name string) bool {
	_, present := c[name]
	return present
}

func (c tableColumns) has(name string) bool { return c[name] != nil }

func (c tableColumns) blank(name string) bool {
	switch value := c[name].(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(value) == ""
	case []any:
		return len(value) == 0
	case map[string]any:
		// A group always has all its members; one that is all null holds nothing.
		for member := range value {
			if !tableColumns(value).blank(member) {
				return false
			}
		}
		return true
	}
	return false
}

func (c tableColumns) zero(name string) bool {
	switch value := c[name].(type) {
	case nil, string, unreadCell, []any, map[string]any:
		return false
	default:
		said := fmt.Sprint(value)
		return said == "0" || said == "-0" || said == "false"
	}
}

func (c tableColumns) text(name string) (string, error) {
	value, ok := c[name].(string)
	if !ok {
		return "", fmt.Errorf("field %q must be a string, not %s; it begins %s", name, cellType(c[name]), excerptOfCell(c[name]))
	}
	if err := checkUTF8([]byte(value)); err != nil {
		return "", fmt.Errorf("field %q: %w", name, err)
	}
	return value, nil
}

// turns reads a nested list, or the JSON text of one: a CSV file can hold
// messages in no other way, and many exports to Parquet do the same.
func (c tableColumns) turns(name string) ([]columns, error) {
	switch value := c[name].(type) {
	case string:
		return textTurns(name, value)
	case []any:
		turns := make([]columns, len(value))
		for i, item := range value {
			group, ok := item.(map[string]any)
			if !ok {
				return nil, notAMessage(name, i, cellType(item))
			}
			turns[i] = withoutNulls(group)
		}
		return turns, nil
	default:
		return nil, fmt.Errorf("field %q must be a list of messages, not %s", name, cellType(c[name]))
	}
}

func textTurns(name, value string) ([]columns, error) {
	raw := []byte(value)
	if err := checkUTF8(raw); err != nil {
		return nil, fmt.Errorf("field %q: %w", name, err)
	}
	if err := checkSurrogates(raw); err != nil {
		return nil, fmt.Errorf("field %q: %w", name, err)
	}
	if !json.Valid(raw) {
		return nil, fmt.Errorf("field %q must hold a list of messages as JSON; it begins %s", name, excerpt(raw))
	}
	return parseTurns(name, raw)
}

// withoutNulls drops the members that the schema of a list gives to each of its
// groups but this one does not use: where messages have "from" in one row and
// "role" in another, both are columns. A null content stays, to be refused.
func withoutNulls(group map[string]any) tableColumns {
	used := tableColumns{}
	for name, value := range group {
		if value != nil || name == chatKeys.content && group[chatKeys.role] != nil {
			used[name] = value
		}
	}
	return used
}

func (c tableColumns) describe() (held []string, begins string) {
	names := slices.Sorted(maps.Keys(c))
	cells := make([]string, len(names))
	for i, name := range names {
		held = append(held, fmt.Sprintf("%q (%s)", excerpt([]byte(name)), cellType(c[name])))
		cells[i] = name + ": " + excerptOfCell(c[name])
	}
	return held, excerpt([]byte(strings.Join(cells, ", ")))
}

// excerptOfCell shows a cell's start; what is not UTF-8 in it is replaced.
func excerptOfCell(cell any) string {
	if cell == nil {
		return cellType(cell)
	}
	if text, ok := cell.(string); ok && len(text) > 2*excerptLength {
		cell = text[:2*excerptLength]
	}
	return excerpt([]byte(strings.ToValidUTF8(fmt.Sprint(cell), "\uFFFD")))
}

func cellType(cell any) string {
	switch cell := cell.(type) {
	case unreadCell:
		return string(cell)
	case nil:
		return "null"
	case string:
		return "string"
	case []any:
		return "list"
	case map[string]any:
		return "object"
	case bool:
		return "boolean"
	default:
		return "number"
	}
}
