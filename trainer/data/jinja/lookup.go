package jinja

import (
	"fmt"
	"strings"
)

type attributeLookup struct {
	object expression
	name   string
}

// "a.b" looks for an attribute first (a method of a dict, say) and for an item
// second.
func (a *attributeLookup) evaluate(r *renderer, s *scope) (value, error) {
	object, err := a.object.evaluate(r, s)
	if err != nil {
		return nil, err
	}
	found, ok, err := attribute(object, a.name)
	if ok || err != nil {
		return found, err
	}
	found, ok, err = item(object, a.name)
	if ok || err != nil {
		return found, err
	}
	return missing(object, a.name), nil
}

type itemLookup struct{ object, key expression }

// "a[b]" looks for an item first and, when b is a string, for an attribute
// second.
func (i *itemLookup) evaluate(r *renderer, s *scope) (value, error) {
	object, err := i.object.evaluate(r, s)
	if err != nil {
		return nil, err
	}
	key, err := i.key.evaluate(r, s)
	if err != nil {
		return nil, err
	}
	return lookupItem(object, key)
}

func lookupItem(object, key value) (value, error) {
	found, ok, err := item(object, key)
	if ok || err != nil {
		return found, err
	}
	if name, isName := key.(string); isName {
		found, ok, err = attribute(object, name)
		if ok || err != nil {
			return found, err
		}
	}
	return missing(object, key), nil
}

func missing(object, key value) undefined {
	shown, err := representation(key)
	if err != nil {
		shown = "of type " + typeName(key)
	}
	return undefined{what: fmt.Sprintf("a value of type %s has no attribute or item %s", typeName(object), shown)}
}

// item is Python's object[key]; ok is false where Python raises and Jinja turns
// that into undefined.
func item(object, key value) (found value, ok bool, err error) {
	switch object := object.(type) {
	case undefined:
		return nil, false, object.err()
	case *Mapping:
		if name, isName := key.(string); isName {
			found, ok = object.values[name]
		}
		return found, ok, nil
	case sequence:
		if object.kind != "range" {
			return nil, false, nil
		}
		found, ok = indexed(object.items, key)
	case []any:
		found, ok = indexed(object, key)
	case tuple:
		found, ok = indexed(object, key)
	case string:
		var characters []any
		if _, isInteger := integer(key); isInteger {
			characters, _ = iterate(object)
		}
		found, ok = indexed(characters, key)
	}
	return found, ok, nil
}

func indexed(items []any, key value) (value, bool) {
	i, isInteger := integer(key)
	if isInteger && i < 0 {
		i += len(items)
	}
	if !isInteger || i < 0 || i >= len(items) {
		return nil, false
	}
	return items[i], true
}

// unsupportedAttributes lists what Python objects of a type have and this
// package does not: asking for one is an error, not undefined.
var unsupportedAttributes = map[string]string{
	"str": " casefold center encode expandtabs format format_map index isalnum isalpha isascii isdecimal isdigit isidentifier" +
		" islower isnumeric isprintable isspace istitle isupper ljust maketrans partition rindex rjust rpartition splitlines" +
		" swapcase translate zfill ",
	"dict":       " clear copy fromkeys pop popitem setdefault update ",
	"list":       " append clear copy count extend index insert pop remove reverse sort ",
	"tuple":      " count index ",
	"int":        " as_integer_ratio bit_count bit_length conjugate denominator from_bytes imag numerator real to_bytes ",
	"bool":       " as_integer_ratio bit_count bit_length conjugate denominator from_bytes imag numerator real to_bytes ",
	"float":      " as_integer_ratio conjugate fromhex hex imag is_integer real ",
	"range":      " count index start step stop ",
	"dict_items": " isdisjoint mapping ",
	"dict_keys":  " isdisjoint mapping ",
	"loop":       " changed ",
	"function":   " name arguments catch_kwargs catch_varargs caller explicit_caller defaults ",
	"generator":  " close gi_code gi_frame gi_running gi_suspended gi_yieldfrom send throw ",
}

// attribute is Python's getattr(object, name).
func attribute(object value, name string) (found value, ok bool, err error) {
	kind := typeName(object)
	switch object := object.(type) {
	case undefined:
		return nil, false, object.err()
	case *namespace:
		found, ok = object.attributes[name]
	case *loopState:
		found, ok = object.attribute(name)
	case *Mapping:
		found, ok = mappingMethod(object, name)
	case string:
		found, ok = stringMethod(object, name)
	}
	if !ok && (strings.HasPrefix(name, "__") || strings.Contains(unsupportedAttributes[kind], " "+name+" ")) {
		return nil, false, fmt.Errorf("%q of a value of type %s is not supported", name, kind)
	}
	return found, ok, nil
}

func mappingMethod(m *Mapping, name string) (value, bool) {
	switch name {
	case "get":
		return &function{name: name, call: func(_ *renderer, given callArguments) (value, error) {
			arguments, err := given.bind("get", required(""), optional("", nil))
			if err != nil {
				return nil, err
			}
			if found, ok, err := item(m, arguments[0]); ok || err != nil {
				return found, err
			}
			return arguments[1], nil
		}}, true
	case "items", "keys", "values":
		return &function{name: name, call: func(_ *renderer, given callArguments) (value, error) {
			if _, err := given.bind(name); err != nil {
				return nil, err
			}
			return mappingView(m, name), nil
		}}, true
	}
	return nil, false
}

func mappingView(m *Mapping, name string) sequence {
	view := sequence{kind: "dict_" + name, sized: true, items: make([]any, len(m.keys))}
	for i, key := range m.keys {
		switch name {
		case "items":
			view.items[i] = tuple{key, m.values[key]}
		case "keys":
			view.items[i] = key
		default:
			view.items[i] = m.values[key]
		}
	}
	return view
}

type sliceLookup struct{ object, start, stop, step expression }

func (l *sliceLookup) evaluate(r *renderer, s *scope) (value, error) {
	object, err := l.object.evaluate(r, s)
	if err != nil {
		return nil, err
	}
	var bounds [3]*int
	for i, each := range []expression{l.start, l.stop, l.step} {
		if each == nil {
			continue
		}
		v, err := each.evaluate(r, s)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		n, ok := integer(v)
		if !ok {
			return nil, fmt.Errorf("a slice takes integers, not %s", typeName(v))
		}
		bounds[i] = &n
	}
	return slice(object, bounds[0], bounds[1], bounds[2])
}

func slice(object value, start, stop, step *int) (value, error) {
	switch object := object.(type) {
	case undefined:
		return nil, object.err()
	case string:
		characters, _ := iterate(object)
		items, err := sliceItems(characters, start, stop, step)
		var out strings.Builder
		for _, each := range items {
			out.WriteString(each.(string))
		}
		return out.String(), err
	case []any:
		return sliceItems(object, start, stop, step)
	case tuple:
		items, err := sliceItems(object, start, stop, step)
		return tuple(items), err
	}
	return nil, fmt.Errorf("a value of type %s cannot be sliced", typeName(object))
}

// sliceItems follows Python: bounds count from the end when negative, and are
// clipped to the sequence.
func sliceItems(items []any, start, stop, step *int) ([]any, error) {
	n, stride := len(items), 1
	if step != nil {
		stride = *step
	}
	if stride == 0 {
		return nil, fmt.Errorf("the step of a slice must not be zero")
	}
	low, high := 0, n // what a bound is clipped to
	from, to := 0, n
	if stride < 0 {
		low, high = -1, n-1
		from, to = n-1, -1
	}
	clip := func(bound *int, fallback int) int {
		if bound == nil {
			return fallback
		}
		i := *bound
		if i < 0 {
			i += n
		}
		return min(max(i, low), high)
	}
	from, to = clip(start, from), clip(stop, to)
	result := []any{}
	for i := from; stride > 0 && i < to || stride < 0 && i > to; i += stride {
		result = append(result, items[i])
	}
	return result, nil
}
