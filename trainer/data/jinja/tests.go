package jinja

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// valueTests are the tests that take no argument.
var valueTests = map[string]func(v value) bool{
	"defined":   func(v value) bool { return !isUndefined(v) },
	"undefined": isUndefined,
	"none":      func(v value) bool { return v == nil },
	"true":      func(v value) bool { b, ok := v.(bool); return ok && b },
	"false":     func(v value) bool { b, ok := v.(bool); return ok && !b },
	"boolean":   func(v value) bool { _, ok := v.(bool); return ok },
	"integer":   func(v value) bool { _, ok := v.(int); return ok },
	"float":     func(v value) bool { _, ok := v.(float64); return ok },
	"number":    func(v value) bool { _, ok := number(v); return ok },
	"string":    func(v value) bool { _, ok := v.(string); return ok },
	"mapping":   func(v value) bool { _, ok := v.(*Mapping); return ok },
	"iterable":  isIterable,
	"sequence":  isSequence,
}

// comparisonTests are the tests that are a comparison by another name.
var comparisonTests = map[string]string{
	"eq": "==", "equalto": "==", "==": "==",
	"ne": "!=", "!=": "!=",
	"lt": "<", "lessthan": "<", "<": "<",
	"le": "<=", "<=": "<=",
	"gt": ">", "greaterthan": ">", ">": ">",
	"ge": ">=", ">=": ">=",
	"in": "in",
}

func isUndefined(v value) bool {
	_, ok := v.(undefined)
	return ok
}

// isIterable counts the loop variable, which Python can go through too.
func isIterable(v value) bool {
	_, isLoop := v.(*loopState)
	_, err := iterate(v)
	return isLoop || err == nil
}

// isSequence follows Jinja, which asks only for a length and items by key; a
// dict passes, and so does undefined.
func isSequence(v value) bool {
	switch v := v.(type) {
	case string, []any, tuple, *Mapping, undefined:
		return true
	case sequence:
		return v.kind == "range"
	}
	return false
}

func applyTest(name string, v value, given callArguments) (bool, error) {
	if holds, ok := valueTests[name]; ok {
		_, err := given.bind(name)
		return err == nil && holds(v), err
	}
	if operator, ok := comparisonTests[name]; ok {
		arguments, err := given.bind(name, required(""))
		if err != nil {
			return false, err
		}
		return compare(operator, v, arguments[0])
	}
	switch name {
	case "even", "odd":
		_, err := given.bind(name)
		if err != nil {
			return false, err
		}
		return divides(v, 2, map[string]int{"even": 0, "odd": 1}[name])
	case "divisibleby":
		arguments, err := given.bind(name, required("num"))
		if err != nil {
			return false, err
		}
		return divides(v, arguments[0], 0)
	}
	supported := append(slices.Collect(maps.Keys(valueTests)), slices.Collect(maps.Keys(comparisonTests))...)
	supported = append(supported, "even", "odd", "divisibleby")
	slices.Sort(supported)
	return false, fmt.Errorf("the test %q is not supported; supported: %s", name, strings.Join(supported, ", "))
}

func divides(v, by value, want int) (bool, error) {
	remainder, err := calculate("%", v, by)
	if err != nil {
		return false, err
	}
	return equal(remainder, want)
}
