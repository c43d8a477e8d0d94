package data

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// parseMembers reads the members of a JSON object; nil of null. encoding/json takes the last of several members of one
// name, and which of them was meant nobody knows.
func parseMembers(raw []byte) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	if countMembers(raw) != len(members) {
		return nil, repeatedError(firstRepeated(raw))
	}
	return members, nil
}

// repeatedError is the name of a member that an object has more than once.
type repeatedError string

func (name repeatedError) Error() string {
	return fmt.Sprintf("the key %q occurs more than once in an object; keep one", excerpt([]byte(name)))
}

// countMembers counts the members of an object that is known to be valid: the colons that are in no string and in no
// inner list or object. Most of a row is strings, over which it leaps.
func countMembers(raw []byte) int {
	count, depth := 0, 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = endOfString(raw, i)
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ':':
			if depth == 1 {
				count++
			}
		}
	}
	return count
}

// endOfString is where the string ends that begins at start: at a quote with an even number of backslashes before it.
func endOfString(raw []byte, start int) int {
	for at := start; ; {
		next := bytes.IndexByte(raw[at+1:], '"')
		if next < 0 {
			return len(raw)
		}
		at += 1 + next
		backslashes := 0
		for raw[at-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return at
		}
	}
}

// firstRepeated is the first name of a member, as decoded, that an object has had before.
func firstRepeated(raw []byte) string {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	seen := map[string]bool{}
	for inside := false; ; inside = true {
		token, err := decoder.Token()
		if err != nil {
			return ""
		}
		if !inside {
			continue // the brace
		}
		name, isName := token.(string)
		if !isName || seen[name] {
			return name
		}
		seen[name] = true
		if err := decoder.Decode(new(json.RawMessage)); err != nil {
			return name
		}
	}
}
