package jinja

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// function is anything that a template can call: a global, a macro, a method.
type function struct {
	name string
	call func(r *renderer, given callArguments) (value, error)
}

// callArguments is the arguments of a call as evaluated.
type callArguments struct {
	positional    []any
	keywords      []string
	keywordValues []any
}

func (c callArguments) keyword(name string) (value, bool) {
	if i := slices.Index(c.keywords, name); i >= 0 {
		return c.keywordValues[i], true
	}
	return nil, false
}

// parameter is one parameter of a built-in. One without a name cannot be given
// by keyword, as for many of Python's own methods.
type parameter struct {
	name     string
	fallback value
	required bool
}

func required(name string) parameter { return parameter{name: name, required: true} }

func optional(name string, fallback value) parameter {
	return parameter{name: name, fallback: fallback}
}

// bind puts the given arguments in the order of the parameters of the built-in
// called name.
func (c callArguments) bind(name string, parameters ...parameter) ([]any, error) {
	if len(c.positional) > len(parameters) {
		return nil, fmt.Errorf("%s: %d arguments are too many: only %d are supported", name, len(c.positional), len(parameters))
	}
	bound := make([]any, len(parameters))
	used := 0
	for i, p := range parameters {
		keyword, named := c.keyword(p.name)
		switch {
		case i < len(c.positional) && named:
			return nil, fmt.Errorf("%s: the argument %q is given twice", name, p.name)
		case i < len(c.positional):
			bound[i] = c.positional[i]
		case named:
			bound[i] = keyword
			used++
		case p.required:
			return nil, fmt.Errorf("%s: an argument is missing", name)
		default:
			bound[i] = p.fallback
		}
	}
	if used < len(c.keywords) {
		return nil, fmt.Errorf("%s: a keyword argument among %s is not supported", name, strings.Join(c.keywords, ", "))
	}
	return bound, nil
}

// maximumRange is the limit that Jinja's sandbox sets on range.
const maximumRange = 100_000

func globalFunctions(now time.Time) map[string]any {
	functions := map[string]func(*renderer, callArguments) (value, error){
		"range":           makeRange,
		"namespace":       makeNamespace,
		"dict":            makeMapping,
		"raise_exception": raise,
		"strftime_now": func(_ *renderer, given callArguments) (value, error) {
			arguments, err := given.bind("strftime_now", required("format"))
			if err != nil {
				return nil, err
			}
			format, ok := arguments[0].(string)
			if !ok {
				return nil, fmt.Errorf("strftime_now: the format must be a str, not %s", typeName(arguments[0]))
			}
			return formatTime(now, format)
		},
	}
	globals := make(map[string]any, len(functions))
	for name, call := range functions {
		globals[name] = &function{name: name, call: call}
	}
	return globals
}

func raise(_ *renderer, given callArguments) (value, error) {
	arguments, err := given.bind("raise_exception", required("message"))
	if err != nil {
		return nil, err
	}
	message, err := text(arguments[0])
	if err != nil {
		return nil, err
	}
	return nil, &RaisedError{Message: message}
}

func makeRange(_ *renderer, given callArguments) (value, error) {
	bounds := make([]int, len(given.positional))
	for i, argument := range given.positional {
		n, ok := integer(argument)
		if !ok {
			return nil, fmt.Errorf("range: a value of type %s is not an integer", typeName(argument))
		}
		bounds[i] = n
	}
	start, stop, step := 0, 0, 1
	switch {
	case len(given.keywords) > 0 || len(bounds) == 0 || len(bounds) > 3:
		return nil, fmt.Errorf("range: expected one to three integers")
	case len(bounds) == 1:
		stop = bounds[0]
	case len(bounds) == 2:
		start, stop = bounds[0], bounds[1]
	default:
		start, stop, step = bounds[0], bounds[1], bounds[2]
	}
	if step == 0 {
		return nil, fmt.Errorf("range: the step must not be zero")
	}
	items := []any{}
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		if len(items) == maximumRange {
			return nil, fmt.Errorf("range: more than %d numbers", maximumRange)
		}
		items = append(items, i)
	}
	return sequence{kind: "range", items: items, sized: true}, nil
}

func makeNamespace(_ *renderer, given callArguments) (value, error) {
	m, err := mappingFromArguments("namespace", given)
	if err != nil {
		return nil, err
	}
	for _, name := range m.keys {
		if err := checkNamespaceName(name); err != nil {
			return nil, err
		}
	}
	return &namespace{attributes: m.values}, nil
}

func makeMapping(_ *renderer, given callArguments) (value, error) {
	return mappingFromArguments("dict", given)
}

// mappingFromArguments is dict(mapping, name=value, …).
func mappingFromArguments(name string, given callArguments) (*Mapping, error) {
	result := NewMapping()
	if len(given.positional) > 1 {
		return nil, fmt.Errorf("%s: at most one positional argument", name)
	}
	for _, argument := range given.positional {
		from, ok := argument.(*Mapping)
		if !ok {
			return nil, fmt.Errorf("%s: a positional argument of type %s is not supported: only dict", name, typeName(argument))
		}
		for _, key := range from.keys {
			result.Set(key, from.values[key])
		}
	}
	for i, keyword := range given.keywords {
		result.Set(keyword, given.keywordValues[i])
	}
	return result, nil
}

// strftimeLayouts maps the directives of Python's strftime, in the C locale, to
// Go's layouts.
var strftimeLayouts = map[byte]string{
	'd': "02", 'm': "01", 'Y': "2006", 'y': "06", 'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday",
	'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM", 'j': "002",
}

func formatTime(now time.Time, format string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			out.WriteByte(format[i])
			continue
		}
		i++
		if i == len(format) {
			return "", fmt.Errorf("strftime_now: %q ends in the middle of a directive", format)
		}
		layout, known := strftimeLayouts[format[i]]
		switch {
		case known:
			out.WriteString(now.Format(layout))
		case format[i] == '%':
			out.WriteByte('%')
		default:
			return "", fmt.Errorf("strftime_now: the directive %%%c is not supported", format[i])
		}
	}
	return out.String(), nil
}

// loopState is the name "loop" inside a for.
type loopState struct {
	items  []any
	index0 int
}

func (l *loopState) attribute(name string) (value, bool) {
	n := len(l.items)
	switch name {
	case "index":
		return l.index0 + 1, true
	case "index0":
		return l.index0, true
	case "revindex":
		return n - l.index0, true
	case "revindex0":
		return n - l.index0 - 1, true
	case "first":
		return l.index0 == 0, true
	case "last":
		return l.index0 == n-1, true
	case "length":
		return n, true
	case "depth":
		return 1, true
	case "depth0":
		return 0, true
	case "previtem":
		if l.index0 == 0 {
			return undefined{what: "there is no previous item"}, true
		}
		return l.items[l.index0-1], true
	case "nextitem":
		if l.index0 == n-1 {
			return undefined{what: "there is no next item"}, true
		}
		return l.items[l.index0+1], true
	case "cycle":
		return &function{name: "cycle", call: l.cycle}, true
	}
	return nil, false
}

func (l *loopState) cycle(_ *renderer, given callArguments) (value, error) {
	if len(given.positional) == 0 || len(given.keywords) > 0 {
		return nil, fmt.Errorf("loop.cycle: expected values to cycle through")
	}
	return given.positional[l.index0%len(given.positional)], nil
}
