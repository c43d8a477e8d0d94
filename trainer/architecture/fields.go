package architecture

import (
	"encoding/json"
	"fmt"
)

// fields are the members of a config.json. Reading one that is missing or of the wrong type keeps the first such error,
// so that a family's reading can be written as one expression. A member that is null counts as missing.
type fields struct {
	values map[string]json.RawMessage
	err    error
}

func (f *fields) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *fields) present(name string) (json.RawMessage, bool) {
	raw, present := f.values[name]
	return raw, present && string(raw) != "null"
}

// null says that a member is there and null, which some fields tell apart from missing.
func (f *fields) null(name string) bool {
	raw, present := f.values[name]
	return present && string(raw) == "null"
}

func (f *fields) integer(name string) int {
	if _, present := f.present(name); !present {
		f.fail(fmt.Errorf("the field %q is missing", name))
		return 0
	}
	return f.integerOr(name, 0)
}

func (f *fields) integerOr(name string, otherwise int) int {
	return fieldOr(f, name, "a whole number", otherwise)
}

func (f *fields) numberOr(name string, otherwise float64) float64 {
	return fieldOr(f, name, "a number", otherwise)
}

func (f *fields) boolOr(name string, otherwise bool) bool {
	return fieldOr(f, name, "true or false", otherwise)
}

func (f *fields) textOr(name, otherwise string) string {
	return fieldOr(f, name, "a text", otherwise)
}

func fieldOr[T any](f *fields, name, kind string, otherwise T) T {
	raw, present := f.present(name)
	if !present {
		return otherwise
	}
	var value T
	if err := json.Unmarshal(raw, &value); err != nil {
		f.fail(fmt.Errorf("the field %q is %s; it must be %s", name, raw, kind))
		return otherwise
	}
	return value
}
