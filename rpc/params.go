package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"github.com/shannon-labs/scu/protocol"
)

// paramsError is a protocol.Error that came of decoding params, which has a JSON-RPC code of its own.
type paramsError struct{ cause *protocol.Error }

func (e *paramsError) Error() string { return e.cause.Error() }
func (e *paramsError) Unwrap() error { return e.cause }

// DecodeParams reads the params of a call into a T, which is a struct. Params that are missing or null give the zero T.
// A field that T does not have, a value of the wrong type and params that are no object are errors (invalid_config)
// that name the field and what it must be, and reach the client with code -32602.
func DecodeParams[T any](params json.RawMessage) (*T, error) {
	decoded := new(T)
	params = bytes.TrimSpace(params)
	if len(params) == 0 || string(params) == "null" {
		return decoded, nil
	}
	if params[0] != '{' {
		return nil, invalidParams("params must be an object with named fields").
			withFields(reflect.TypeFor[T]())
	}
	decoder := json.NewDecoder(bytes.NewReader(params))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(decoded); err != nil {
		return nil, describeDecoding(err, reflect.TypeFor[T]())
	}
	return decoded, nil
}

func invalidParams(format string, args ...any) *paramsError {
	return &paramsError{cause: protocol.NewError(protocol.CodeInvalidConfig, format, args...)}
}

func (e *paramsError) withFields(params reflect.Type) *paramsError {
	if names := fieldNames(params); len(names) > 0 {
		e.cause = e.cause.WithHint("the fields are %s", strings.Join(names, ", "))
	} else {
		e.cause = e.cause.WithHint("this call takes none")
	}
	return e
}

func describeDecoding(err error, params reflect.Type) error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return invalidParams("%s must be %s, not %s", wireName(wrongType.Field), kindName(wrongType.Type), wrongType.Value)
	}
	// encoding/json has no type for this error.
	if name, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
		return invalidParams("the field %s is not known", name).withFields(params)
	}
	return invalidParams("params cannot be read: %v", err)
}

// wireName drops from a path the Go names of embedded structs, which the wire does not have.
func wireName(path string) string {
	var names []string
	for name := range strings.SplitSeq(path, ".") {
		if name != "" && (name[0] < 'A' || name[0] > 'Z') {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "params"
	}
	return strings.Join(names, ".")
}

func kindName(wanted reflect.Type) string {
	switch wanted.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number of at least 0"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	default:
		return "an object"
	}
}

// fieldNames lists the JSON names of a struct's fields, those of embedded structs among them, in order.
func fieldNames(params reflect.Type) []string {
	if params.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for _, field := range reflect.VisibleFields(params) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.IsExported() && !field.Anonymous && name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}
