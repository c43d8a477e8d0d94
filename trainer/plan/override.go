package plan

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/shannon-labs/scu/protocol"
)

// override sets the keys that the user chose. Values have the types that JSON gives them, and some conveniences: a list
// may be one text with commas, a mapping one of pairs as [ParseFields] takes it, and prior_sigma "auto".
func override(c *protocol.SCUConfig, overrides map[string]any) *protocol.Error {
	fields := fieldsByKey(c)
	for _, key := range slices.Sorted(maps.Keys(overrides)) {
		field, found := fields[key]
		if !found {
			known := slices.Sorted(maps.Keys(fields))
			return protocol.NewError(protocol.CodeInvalidConfig, "there is no setting %q", key).
				WithHint("%s", choices(key, known))
		}
		if err := set(field, key, overrides[key]); err != nil {
			return err
		}
	}
	return nil
}

func fieldsByKey(c *protocol.SCUConfig) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	value := reflect.ValueOf(c).Elem()
	for i := range value.NumField() {
		key, _, _ := strings.Cut(value.Type().Field(i).Tag.Get("json"), ",")
		fields[key] = value.Field(i)
	}
	return fields
}

func set(field reflect.Value, key string, value any) *protocol.Error {
	if text, isText := value.(string); isText {
		switch {
		case key == "prior_sigma" && text == "auto":
			value = 0
		case field.Kind() == reflect.Slice:
			value = splitList(text)
		case field.Kind() == reflect.Map:
			pairs, failure := ParseFields(text)
			if failure != nil {
				return failure
			}
			value = pairs
		}
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return protocol.NewError(protocol.CodeInvalidConfig, "%s: %v", key, err)
	}
	target := reflect.New(field.Type())
	if value == nil || json.Unmarshal(encoded, target.Interface()) != nil {
		return protocol.NewError(protocol.CodeInvalidConfig, "%s is %s; it must be %s", key, encoded, describe(field))
	}
	field.Set(target.Elem())
	return nil
}

func splitList(text string) []string {
	var list []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

func describe(field reflect.Value) string {
	switch field.Kind() {
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list of names"
	case reflect.Map:
		return "a mapping of names, as prompt:question,completion:answer"
	case reflect.Bool:
		return "true or false"
	default:
		return "a word"
	}
}

// choices lists the settings, after the one that key may be a misspelling of: it takes the fewest edits, and no more than a
// third of key's letters. One that is further off was hardly meant.
func choices(key string, known []string) string {
	all := "settings are " + strings.Join(known, ", ")
	nearest := slices.MinFunc(known, func(a, b string) int { return edits(key, a) - edits(key, b) })
	if 3*edits(key, nearest) > len(key) {
		return "the " + all
	}
	return "did you mean " + nearest + "? The " + all
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
