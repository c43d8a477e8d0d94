package jinja

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

type filterFunction = func(v value, given callArguments) (value, error)

// filters are those of Jinja's filters that this package has, with Jinja's
// parameters. It is filled at start because some filters apply others by name.
var filters map[string]filterFunction

func init() {
	filters = map[string]filterFunction{
		"trim":       filterTrim,
		"length":     filterLength,
		"count":      filterLength,
		"upper":      caseFilter("upper", strings.ToUpper),
		"lower":      caseFilter("lower", strings.ToLower),
		"capitalize": caseFilter("capitalize", capitalized),
		"string":     filterString,
		"list":       filterList,
		"first":      filterFirst,
		"last":       filterLast,
		"reverse":    filterReverse,
		"default":    filterDefault,
		"d":          filterDefault,
		"replace":    filterReplace,
		"join":       filterJoin,
		"items":      filterItems,
		"tojson":     filterToJSON,
		"map":        filterMap,
		"select":     selection("select", false, true),
		"reject":     selection("reject", false, false),
		"selectattr": selection("selectattr", true, true),
		"rejectattr": selection("rejectattr", true, false),
	}
}

func applyFilter(name string, v value, given callArguments) (value, error) {
	apply, ok := filters[name]
	if !ok {
		return nil, fmt.Errorf("the filter %q is not supported; supported: %s", name, strings.Join(slices.Sorted(maps.Keys(filters)), ", "))
	}
	return apply(v, given)
}

func filterTrim(v value, given callArguments) (value, error) {
	arguments, err := given.bind("trim", optional("chars", nil))
	if err != nil {
		return nil, err
	}
	s, err := text(v)
	if err != nil {
		return nil, err
	}
	return strip(s, arguments[0], strings.TrimFunc)
}

func filterLength(v value, given callArguments) (value, error) {
	if _, err := given.bind("length"); err != nil {
		return nil, err
	}
	return length(v)
}

func caseFilter(name string, apply func(string) string) filterFunction {
	method := caseMethod(name, apply)
	return func(v value, given callArguments) (value, error) {
		s, err := text(v)
		if err != nil {
			return nil, err
		}
		return method(s, given)
	}
}

func filterString(v value, given callArguments) (value, error) {
	if _, err := given.bind("string"); err != nil {
		return nil, err
	}
	return text(v)
}

func filterList(v value, given callArguments) (value, error) {
	if _, err := given.bind("list"); err != nil {
		return nil, err
	}
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	return append([]any{}, items...), nil
}

func filterFirst(v value, given callArguments) (value, error) {
	if _, err := given.bind("first"); err != nil {
		return nil, err
	}
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return undefined{what: "no first item, the sequence is empty"}, nil
	}
	return items[0], nil
}

func filterLast(v value, given callArguments) (value, error) {
	if _, err := given.bind("last"); err != nil {
		return nil, err
	}
	items, err := reversible(v)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return undefined{what: "no last item, the sequence is empty"}, nil
	}
	return items[len(items)-1], nil
}

// reversible is iterate for what Python can go through backwards, which a
// generator is not.
func reversible(v value) ([]any, error) {
	if s, ok := v.(sequence); ok && !s.sized {
		return nil, fmt.Errorf("a value of type %s cannot be reversed", s.kind)
	}
	return iterate(v)
}

func filterReverse(v value, given callArguments) (value, error) {
	if _, err := given.bind("reverse"); err != nil {
		return nil, err
	}
	items, err := reversible(v)
	if err != nil {
		return nil, err
	}
	items = slices.Clone(items)
	slices.Reverse(items)
	if _, isText := v.(string); isText {
		return joinMethod("", callArguments{positional: []any{items}})
	}
	return sequence{kind: "generator", items: items}, nil
}

func filterDefault(v value, given callArguments) (value, error) {
	arguments, err := given.bind("default", optional("default_value", ""), optional("boolean", false))
	if err != nil {
		return nil, err
	}
	if _, absent := v.(undefined); absent || truth(arguments[1]) && !truth(v) {
		return arguments[0], nil
	}
	return v, nil
}

func filterReplace(v value, given callArguments) (value, error) {
	arguments, err := given.bind("replace", required("old"), required("new"), optional("count", nil))
	if err != nil {
		return nil, err
	}
	var parts [3]string
	for i, part := range []value{v, arguments[0], arguments[1]} {
		if parts[i], err = text(part); err != nil {
			return nil, err
		}
	}
	limit := -1
	if arguments[2] != nil {
		var ok bool
		if limit, ok = integer(arguments[2]); !ok {
			return nil, fmt.Errorf("replace: the count must be an integer, not %s", typeName(arguments[2]))
		}
	}
	return replaceText(parts[0], parts[1], parts[2], limit)
}

func filterJoin(v value, given callArguments) (value, error) {
	arguments, err := given.bind("join", optional("d", ""), optional("attribute", nil))
	if err != nil {
		return nil, err
	}
	separator, err := text(arguments[0])
	if err != nil {
		return nil, err
	}
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	parts := make([]string, len(items))
	for i, item := range items {
		if arguments[1] != nil {
			if item, err = lookupPath("join", item, arguments[1]); err != nil {
				return nil, err
			}
		}
		if parts[i], err = text(item); err != nil {
			return nil, err
		}
	}
	return joinTexts("join", parts, separator)
}

func filterItems(v value, given callArguments) (value, error) {
	if _, err := given.bind("items"); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case undefined:
		return sequence{kind: "generator"}, nil
	case *Mapping:
		return sequence{kind: "generator", items: mappingView(v, "items").items}, nil
	}
	return nil, fmt.Errorf("items: expected a dict, got %s", typeName(v))
}
