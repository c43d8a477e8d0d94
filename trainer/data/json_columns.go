package data

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// jsonColumns are the members of a JSON object.
type jsonColumns struct {
	members map[string]json.RawMessage
	raw     []byte // the whole object
}

// parseObject reads the JSON object of a row.
func parseObject(raw []byte) (columns, error) {
	if err := checkSurrogates(raw); err != nil {
		return nil, err
	}
	members, err := parseMembers(raw)
	if err != nil {
		return nil, notAnObject(raw, err)
	}
	if members == nil {
		return nil, errors.New("the row is null, not a JSON object")
	}
	return jsonColumns{members: members, raw: raw}, nil
}

func notAnObject(raw []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("invalid JSON at column %d: %w", syntax.Offset, err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("invalid JSON: the row is cut short")
	}
	if errors.As(err, new(repeatedError)) {
		return err
	}
	return fmt.Errorf("the row is %s, not a JSON object; it begins %s", jsonType(raw), excerpt(raw))
}

func (c jsonColumns) holds(name string) bool {
	_, present := c.members[name]
	return present
}

func (c jsonColumns) has(name string) bool {
	raw, present := c.members[name]
	return present && string(raw) != "null"
}

func (c jsonColumns) blank(name string) bool {
	if !c.has(name) {
		return true
	}
	raw := c.members[name]
	switch jsonType(raw) {
	case "string":
		value, err := c.text(name)
		return err == nil && strings.TrimSpace(value) == ""
	case "list", "object":
		return len(bytes.TrimSpace(raw[1:len(raw)-1])) == 0
	}
	return false
}

func (c jsonColumns) zero(name string) bool {
	number, err := strconv.ParseFloat(string(c.members[name]), 64)
	return err == nil && number == 0 || string(c.members[name]) == "false"
}

func (c jsonColumns) text(name string) (string, error) {
	var value string
	if raw := c.members[name]; json.Unmarshal(raw, &value) != nil || string(raw) == "null" {
		return "", fmt.Errorf("field %q must be a string, not %s; it begins %s", name, jsonType(raw), excerpt(raw))
	}
	return value, nil
}

func (c jsonColumns) turns(name string) ([]columns, error) {
	return parseTurns(name, c.members[name])
}

// parseTurns reads the JSON text of a list of messages, the value of a field.
func parseTurns(name string, raw []byte) ([]columns, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("field %q must be a list of messages, not %s; it begins %s", name, jsonType(raw), excerpt(raw))
	}
	turns := make([]columns, len(list))
	for i, item := range list {
		members, err := parseMembers(item)
		if errors.As(err, new(repeatedError)) {
			return nil, fmt.Errorf("field %q, message %d: %w", name, i+1, err)
		}
		if err != nil || members == nil {
			return nil, notAMessage(name, i, jsonType(item))
		}
		turns[i] = jsonColumns{members: members, raw: item}
	}
	return turns, nil
}

func notAMessage(field string, index int, kind string) error {
	return fmt.Errorf("field %q, message %d: it must be an object with a role and a text, not %s", field, index+1, kind)
}

func (c jsonColumns) describe() (held []string, begins string) {
	for name, value := range c.members {
		held = append(held, fmt.Sprintf("%q (%s)", excerpt([]byte(name)), jsonType(value)))
	}
	return held, excerpt(c.raw)
}
