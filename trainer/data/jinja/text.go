package jinja

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// text is Python's str(v), which is what a template prints.
func text(v value) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case undefined:
		return "", nil
	default:
		return representation(v)
	}
}

// representation is Python's repr(v), which shows inside printed lists.
func representation(v value) (string, error) {
	switch v := v.(type) {
	case nil:
		return "None", nil
	case undefined:
		return "Undefined", nil
	case bool:
		if v {
			return "True", nil
		}
		return "False", nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return floatText(v), nil
	case string:
		return quoted(v), nil
	case []any:
		items, err := representations(v)
		return "[" + items + "]", err
	case tuple:
		items, err := representations(v)
		if len(v) == 1 {
			items += ","
		}
		return "(" + items + ")", err
	case *Mapping:
		return mappingRepresentation(v)
	}
	return "", fmt.Errorf("printing a value of type %s is not supported", typeName(v))
}

func representations(items []any) (string, error) {
	shown := make([]string, len(items))
	for i, item := range items {
		each, err := representation(item)
		if err != nil {
			return "", err
		}
		shown[i] = each
	}
	return strings.Join(shown, ", "), nil
}

func mappingRepresentation(m *Mapping) (string, error) {
	shown := make([]string, len(m.keys))
	for i, key := range m.keys {
		each, err := representation(m.values[key])
		if err != nil {
			return "", err
		}
		shown[i] = quoted(key) + ": " + each
	}
	return "{" + strings.Join(shown, ", ") + "}", nil
}

// floatText is Python's repr of a float: the shortest digits that read back the
// same, with an exponent below 1e-4 and from 1e16.
func floatText(x float64) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	}
	if size := math.Abs(x); size != 0 && (size < 1e-4 || size >= 1e16) {
		return strconv.FormatFloat(x, 'e', -1, 64)
	}
	shown := strconv.FormatFloat(x, 'f', -1, 64)
	if !strings.Contains(shown, ".") {
		shown += ".0"
	}
	return shown
}

// quoted is Python's repr of a string: single quotes unless only those occur
// inside, and escapes for what cannot be printed.
func quoted(s string) string {
	quote := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	var out strings.Builder
	out.WriteRune(quote)
	for _, r := range s {
		switch {
		case r == quote || r == '\\':
			out.WriteRune('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case unicode.IsPrint(r):
			out.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&out, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
	}
	out.WriteRune(quote)
	return out.String()
}

// asciiOnly guards case mapping. Beyond ASCII, Python and Go follow different
// tables (the German sharp s, final sigma), so the text is refused.
func asciiOnly(s string) error {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return errors.New("changing the case of text beyond ASCII is not supported")
		}
	}
	return nil
}

// capitalized is Python's str.capitalize for ASCII.
func capitalized(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + strings.ToLower(s[1:])
}
