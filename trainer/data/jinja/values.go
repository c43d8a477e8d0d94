package jinja

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A value is one of: nil (None), bool, int, float64, string, []any (a list),
// tuple, *Mapping, *namespace, sequence, *function, *loopState, undefined.
type value = any

// Mapping is a Python dict with string keys; it keeps the order of insertion,
// which shows when a template prints it.
type Mapping struct {
	keys   []string
	values map[string]any
}

// NewMapping returns an empty mapping.
func NewMapping() *Mapping { return &Mapping{values: map[string]any{}} }

// Set stores a value under key and returns the mapping, so that calls chain.
func (m *Mapping) Set(key string, v any) *Mapping {
	if _, present := m.values[key]; !present {
		m.keys = append(m.keys, key)
	}
	m.values[key] = v
	return m
}

type tuple []any

// namespace is the one thing that a template may change in place, with
// "set name.attribute = …".
type namespace struct{ attributes map[string]any }

// sequence stands for Python's views, ranges and generators: what a loop can go
// through but a template cannot print. Only the sized ones have a length.
type sequence struct {
	kind  string
	items []any
	sized bool
}

// undefined is the value of a name, attribute or item that does not exist. It
// prints as nothing and is false, and almost every other use of it is an error.
type undefined struct{ what string }

func (u undefined) err() error { return errors.New(u.what) }

// typeName names a value's type as Python does in its messages.
func typeName(v value) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return "bool"
	case int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case []any:
		return "list"
	case tuple:
		return "tuple"
	case *Mapping:
		return "dict"
	case *namespace:
		return "namespace"
	case sequence:
		return v.kind
	case *function:
		return "function"
	case *loopState:
		return "loop"
	case undefined:
		return "undefined"
	default:
		panic(fmt.Sprintf("jinja: a value of type %T", v))
	}
}

// truth is Python's bool(v).
func truth(v value) bool {
	switch v := v.(type) {
	case nil, undefined:
		return false
	case bool:
		return v
	case int:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case tuple:
		return len(v) > 0
	case *Mapping:
		return len(v.keys) > 0
	case sequence:
		return !v.sized || len(v.items) > 0
	default:
		return true
	}
}

// length is Python's len(v); strings count code points.
func length(v value) (int, error) {
	switch v := v.(type) {
	case undefined:
		return 0, nil
	case string:
		return utf8.RuneCountInString(v), nil
	case []any:
		return len(v), nil
	case tuple:
		return len(v), nil
	case *Mapping:
		return len(v.keys), nil
	case sequence:
		if v.sized {
			return len(v.items), nil
		}
	}
	return 0, fmt.Errorf("a value of type %s has no length", typeName(v))
}

// iterate is what a loop over v goes through.
func iterate(v value) ([]any, error) {
	switch v := v.(type) {
	case undefined:
		return nil, nil
	case string:
		items := make([]any, 0, len(v))
		for _, r := range v {
			items = append(items, string(r))
		}
		return items, nil
	case []any:
		return v, nil
	case tuple:
		return v, nil
	case *Mapping:
		items := make([]any, len(v.keys))
		for i, key := range v.keys {
			items[i] = key
		}
		return items, nil
	case sequence:
		return v.items, nil
	}
	return nil, fmt.Errorf("a value of type %s cannot be looped over", typeName(v))
}

// number returns v as a float64 and whether it is a number at all; Python
// counts True and False as 1 and 0.
func number(v value) (float64, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// integer returns v as an int and whether it is one, bools included.
func integer(v value) (int, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int:
		return v, true
	}
	return 0, false
}

// equal is Python's ==.
func equal(a, b value) (bool, error) {
	if x, ok := integer(a); ok {
		if y, ok := integer(b); ok {
			return x == y, nil
		}
	}
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y, nil
	}
	switch a := a.(type) {
	case nil:
		return b == nil, nil
	case string:
		b, ok := b.(string)
		return ok && a == b, nil
	case undefined:
		_, ok := b.(undefined)
		return ok, nil
	case []any:
		b, ok := b.([]any)
		if !ok {
			return false, nil
		}
		return equalItems(a, b)
	case tuple:
		b, ok := b.(tuple)
		if !ok {
			return false, nil
		}
		return equalItems(a, b)
	case *Mapping:
		b, ok := b.(*Mapping)
		if !ok {
			return false, nil
		}
		return equalMappings(a, b)
	}
	if _, other := b.(sequence); other || typeName(a) == typeName(b) {
		return false, fmt.Errorf("comparing values of type %s is not supported", typeName(a))
	}
	return false, nil
}

func equalItems(a, b []any) (bool, error) {
	if len(a) != len(b) {
		return false, nil
	}
	for i := range a {
		if same, err := equal(a[i], b[i]); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

func equalMappings(a, b *Mapping) (bool, error) {
	if len(a.keys) != len(b.keys) {
		return false, nil
	}
	for key, x := range a.values {
		y, present := b.values[key]
		if !present {
			return false, nil
		}
		if same, err := equal(x, y); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// contains is Python's "item in container".
func contains(container, item value) (bool, error) {
	switch c := container.(type) {
	case string:
		text, ok := item.(string)
		if !ok {
			return false, fmt.Errorf("'in' on a str needs a str, not %s", typeName(item))
		}
		return strings.Contains(c, text), nil
	case *Mapping:
		switch key := item.(type) {
		case string:
			_, present := c.values[key]
			return present, nil
		case []any, *Mapping, undefined:
			return false, fmt.Errorf("a value of type %s cannot be a key", typeName(item))
		}
		return false, nil
	}
	items, err := iterate(container)
	if err != nil {
		return false, err
	}
	for _, each := range items {
		if same, err := equal(each, item); same || err != nil {
			return same, err
		}
	}
	return false, nil
}
