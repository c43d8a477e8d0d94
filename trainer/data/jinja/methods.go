package jinja

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// stringMethods are the methods of Python's str that templates use. None takes
// keyword arguments except split and rsplit.
var stringMethods = map[string]func(s string, given callArguments) (value, error){
	"strip":        stripMethod("strip", strings.TrimFunc),
	"lstrip":       stripMethod("lstrip", strings.TrimLeftFunc),
	"rstrip":       stripMethod("rstrip", strings.TrimRightFunc),
	"startswith":   affixMethod("startswith", strings.HasPrefix),
	"endswith":     affixMethod("endswith", strings.HasSuffix),
	"removeprefix": textMethod("removeprefix", func(s, a string) value { return strings.TrimPrefix(s, a) }),
	"removesuffix": textMethod("removesuffix", func(s, a string) value { return strings.TrimSuffix(s, a) }),
	"find":         textMethod("find", func(s, a string) value { return codePointIndex(s, strings.Index(s, a)) }),
	"rfind":        textMethod("rfind", func(s, a string) value { return codePointIndex(s, strings.LastIndex(s, a)) }),
	"count":        textMethod("count", func(s, a string) value { return strings.Count(s, a) }),
	"upper":        caseMethod("upper", strings.ToUpper),
	"lower":        caseMethod("lower", strings.ToLower),
	"capitalize":   caseMethod("capitalize", capitalized),
	"title":        caseMethod("title", titleCased),
	"split":        splitMethod,
	"rsplit":       reverseSplitMethod,
	"replace":      replaceMethod,
	"join":         joinMethod,
}

func stringMethod(s, name string) (value, bool) {
	method, ok := stringMethods[name]
	if !ok {
		return nil, false
	}
	return &function{name: name, call: func(_ *renderer, given callArguments) (value, error) {
		return method(s, given)
	}}, true
}

type stringFunction = func(s string, given callArguments) (value, error)

func notText(method string, v value) error {
	return fmt.Errorf("%s: expected a str, got %s", method, typeName(v))
}

// strip removes white space, or the given characters, with one of strings.Trim….
func strip(s string, characters value, trim func(string, func(rune) bool) string) (string, error) {
	switch set := characters.(type) {
	case nil:
		return trim(s, isSpace), nil
	case string:
		return trim(s, func(r rune) bool { return strings.ContainsRune(set, r) }), nil
	}
	return "", notText("strip", characters)
}

func stripMethod(name string, trim func(string, func(rune) bool) string) stringFunction {
	return func(s string, given callArguments) (value, error) {
		arguments, err := given.bind(name, optional("", nil))
		if err != nil {
			return nil, err
		}
		return strip(s, arguments[0], trim)
	}
}

// affixMethod is startswith or endswith: a tuple asks for any of its items.
func affixMethod(name string, has func(s, affix string) bool) stringFunction {
	return func(s string, given callArguments) (value, error) {
		arguments, err := given.bind(name, required(""))
		if err != nil {
			return nil, err
		}
		candidates, ok := arguments[0].(tuple)
		if !ok {
			candidates = tuple{arguments[0]}
		}
		for _, candidate := range candidates {
			affix, ok := candidate.(string)
			if !ok {
				return nil, notText(name, candidate)
			}
			if has(s, affix) {
				return true, nil
			}
		}
		return false, nil
	}
}

func textMethod(name string, apply func(s, argument string) value) stringFunction {
	return func(s string, given callArguments) (value, error) {
		arguments, err := given.bind(name, required(""))
		if err != nil {
			return nil, err
		}
		argument, ok := arguments[0].(string)
		if !ok {
			return nil, notText(name, arguments[0])
		}
		return apply(s, argument), nil
	}
}

func codePointIndex(s string, offset int) int {
	if offset < 0 {
		return offset
	}
	return utf8.RuneCountInString(s[:offset])
}

func caseMethod(name string, apply func(string) string) stringFunction {
	return func(s string, given callArguments) (value, error) {
		if _, err := given.bind(name); err != nil {
			return nil, err
		}
		if err := asciiOnly(s); err != nil {
			return nil, err
		}
		return apply(s), nil
	}
}

// titleCased is Python's str.title for ASCII: a letter behind a letter is lower
// case, any other is upper case.
func titleCased(s string) string {
	behindLetter := false
	return strings.Map(func(r rune) rune {
		lower := r | 0x20
		isLetter := lower >= 'a' && lower <= 'z'
		defer func() { behindLetter = isLetter }()
		switch {
		case !isLetter:
			return r
		case behindLetter:
			return lower
		default:
			return lower &^ 0x20
		}
	}, s)
}

// splitArguments binds split(sep=None, maxsplit=-1); a nil separator means runs
// of white space.
func splitArguments(name string, given callArguments) (separator *string, limit int, err error) {
	arguments, err := given.bind(name, optional("sep", nil), optional("maxsplit", -1))
	if err != nil {
		return nil, 0, err
	}
	limit, ok := integer(arguments[1])
	if !ok {
		return nil, 0, fmt.Errorf("%s: maxsplit must be an integer, not %s", name, typeName(arguments[1]))
	}
	if arguments[0] == nil {
		return nil, limit, nil
	}
	text, ok := arguments[0].(string)
	if !ok {
		return nil, 0, notText(name, arguments[0])
	}
	if text == "" {
		return nil, 0, fmt.Errorf("%s: the separator is empty", name)
	}
	return &text, limit, nil
}

func splitMethod(s string, given callArguments) (value, error) {
	separator, limit, err := splitArguments("split", given)
	if err != nil {
		return nil, err
	}
	if separator == nil {
		return textList(splitSpace(s, limit)), nil
	}
	if limit < 0 {
		return textList(strings.Split(s, *separator)), nil
	}
	return textList(strings.SplitN(s, *separator, limit+1)), nil
}

// splitSpace splits at runs of white space; what is left when the limit is
// reached keeps the white space at its end.
func splitSpace(s string, limit int) []string {
	var parts []string
	for s = strings.TrimLeftFunc(s, isSpace); s != ""; s = strings.TrimLeftFunc(s, isSpace) {
		end := strings.IndexFunc(s, isSpace)
		if end < 0 || limit >= 0 && len(parts) == limit {
			return append(parts, s)
		}
		parts = append(parts, s[:end])
		s = s[end:]
	}
	return parts
}

func reverseSplitMethod(s string, given callArguments) (value, error) {
	separator, limit, err := splitArguments("rsplit", given)
	if err != nil {
		return nil, err
	}
	if separator == nil {
		return nil, fmt.Errorf("rsplit without a separator is not supported")
	}
	var parts []string
	for limit != 0 {
		at := strings.LastIndex(s, *separator)
		if at < 0 {
			break
		}
		parts = append(parts, s[at+len(*separator):])
		s = s[:at]
		limit--
	}
	parts = append(parts, s)
	slices.Reverse(parts)
	return textList(parts), nil
}

func textList(parts []string) []any {
	items := make([]any, len(parts))
	for i, part := range parts {
		items[i] = part
	}
	return items
}

func replaceMethod(s string, given callArguments) (value, error) {
	arguments, err := given.bind("replace", required(""), required(""), optional("", -1))
	if err != nil {
		return nil, err
	}
	before, isText := arguments[0].(string)
	after, alsoText := arguments[1].(string)
	if !isText || !alsoText {
		return nil, fmt.Errorf("replace: expected two strs, got %s and %s", typeName(arguments[0]), typeName(arguments[1]))
	}
	limit, ok := integer(arguments[2])
	if !ok {
		return nil, fmt.Errorf("replace: the count must be an integer, not %s", typeName(arguments[2]))
	}
	return replaceText(s, before, after, limit)
}

func replaceText(s, before, after string, limit int) (value, error) {
	if after != "" && (strings.Count(s, before)+1) > maximumText/len(after) {
		return nil, fmt.Errorf("replace makes a string of more than %d bytes", maximumText)
	}
	return strings.Replace(s, before, after, limit), nil
}

func joinMethod(s string, given callArguments) (value, error) {
	arguments, err := given.bind("join", required(""))
	if err != nil {
		return nil, err
	}
	items, err := iterate(arguments[0])
	if err != nil {
		return nil, err
	}
	parts := make([]string, len(items))
	for i, item := range items {
		part, ok := item.(string)
		if !ok {
			return nil, notText("join", item)
		}
		parts[i] = part
	}
	return joinTexts("join", parts, s)
}
