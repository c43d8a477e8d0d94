package jinja

import (
	"fmt"
	"strings"
)

// lookupPath follows an attribute name such as "role" for the filters that take
// one. Jinja also splits at dots; names with dots are refused.
func lookupPath(filter string, object, path value) (value, error) {
	name, ok := path.(string)
	if !ok || strings.Contains(name, ".") || name != "" && name[0] >= '0' && name[0] <= '9' {
		return nil, fmt.Errorf("%s: only a plain attribute name is supported", filter)
	}
	return lookupItem(object, name)
}

// filterMap is map(attribute=name, default=value) or map(filter, arguments…).
// Its result is lazy in Python; here every item is computed at once, which can
// differ only in which of two errors comes first.
func filterMap(v value, given callArguments) (value, error) {
	items, err := iterate(v)
	if err != nil {
		return nil, err
	}
	apply, err := mapFunction(given)
	if err != nil {
		return nil, err
	}
	mapped := make([]any, len(items))
	for i, item := range items {
		if mapped[i], err = apply(item); err != nil {
			return nil, err
		}
	}
	return sequence{kind: "generator", items: mapped}, nil
}

func mapFunction(given callArguments) (func(value) (value, error), error) {
	if len(given.positional) > 0 {
		name, ok := given.positional[0].(string)
		if !ok {
			return nil, notText("map", given.positional[0])
		}
		rest := callArguments{positional: given.positional[1:], keywords: given.keywords, keywordValues: given.keywordValues}
		return func(item value) (value, error) { return applyFilter(name, item, rest) }, nil
	}
	arguments, err := given.bind("map", required("attribute"), optional("default", nil))
	if err != nil {
		return nil, err
	}
	return func(item value) (value, error) {
		found, err := lookupPath("map", item, arguments[0])
		if _, absent := found.(undefined); absent && arguments[1] != nil {
			return arguments[1], err
		}
		return found, err
	}, nil
}

// selection is select, reject, selectattr or rejectattr: it keeps the items for
// which a test (or their truth, without one) gives want. With byAttribute the
// first argument names the attribute that is tested.
func selection(filter string, byAttribute, want bool) filterFunction {
	return func(v value, given callArguments) (value, error) {
		items, err := iterate(v)
		if err != nil {
			return nil, err
		}
		rest := given.positional
		var path value
		if byAttribute {
			if len(rest) == 0 {
				return nil, fmt.Errorf("%s: the attribute name is missing", filter)
			}
			path, rest = rest[0], rest[1:]
		}
		var kept []any
		for _, item := range items {
			subject := item
			if byAttribute {
				if subject, err = lookupPath(filter, item, path); err != nil {
					return nil, err
				}
			}
			holds, err := selected(filter, subject, callArguments{positional: rest, keywords: given.keywords, keywordValues: given.keywordValues})
			if err != nil {
				return nil, err
			}
			if holds == want {
				kept = append(kept, item)
			}
		}
		return sequence{kind: "generator", items: kept}, nil
	}
}

func selected(filter string, subject value, given callArguments) (bool, error) {
	if len(given.positional) == 0 {
		return truth(subject), nil
	}
	name, ok := given.positional[0].(string)
	if !ok {
		return false, notText(filter, given.positional[0])
	}
	given.positional = given.positional[1:]
	return applyTest(name, subject, given)
}
