package data

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// conversation reads a list of messages.
func conversation(c columns, fields Fields) ([]Message, error) {
	turns, err := c.turns(fields.Messages)
	if err != nil {
		return nil, err
	}
	if len(turns) == 0 {
		return nil, fmt.Errorf("field %q is an empty list; give at least one message", fields.Messages)
	}
	keys := fieldsOfTurns(turns[0], fields)
	messages := make([]Message, len(turns))
	for i, turn := range turns {
		if messages[i], err = keys.message(turn); err != nil {
			return nil, fmt.Errorf("field %q, message %d: %w", fields.Messages, i+1, err)
		}
	}
	return messages, nil
}

// messageKeys are where a message has its role and its text, and what roles are
// called there.
type messageKeys struct {
	role, content string
	roles         map[string]string // to the names that templates expect
}

// The two common ways to write a message, and the roles that each uses.
var (
	chatKeys = messageKeys{role: "role", content: "content", roles: map[string]string{
		"system": "system", "developer": "developer", "user": "user", "assistant": "assistant", "tool": "tool",
	}}
	shareGPTKeys = messageKeys{role: "from", content: "value", roles: map[string]string{
		"system": "system", "human": "user", "user": "user", "gpt": "assistant", "chatgpt": "assistant", "assistant": "assistant", "tool": "tool",
	}}
)

// fieldsOfTurns takes the keys that are named, and else those that the first
// message has. Where it has neither pair, the error about the missing key should
// name the one that usually goes with the field.
func fieldsOfTurns(first columns, fields Fields) messageKeys {
	chat := first.holds(chatKeys.role) && first.holds(chatKeys.content)
	shareGPT := first.holds(shareGPTKeys.role) && first.holds(shareGPTKeys.content)
	switch {
	case fields.Role != "":
		roles := maps.Clone(chatKeys.roles)
		maps.Copy(roles, shareGPTKeys.roles)
		return messageKeys{role: fields.Role, content: fields.Content, roles: roles}
	case chat:
		return chatKeys
	case shareGPT, fields.Messages == "conversations":
		return shareGPTKeys
	default:
		return chatKeys
	}
}

// Fields of a message that change what it says or whether it is trained on.
// Leaving them out would train on another conversation than the one in the file.
var (
	unsupportedInMessage = []string{"tool_calls", "function_call", "reasoning_content"}
	weightsOfMessage     = []string{"weight", "train", "trainable"}
)

func (k messageKeys) message(turn columns) (Message, error) {
	for _, name := range []string{k.role, k.content} {
		if !turn.holds(name) {
			_, begins := turn.describe()
			return Message{}, fmt.Errorf("%q is missing; it begins %s", name, begins)
		}
	}
	for _, name := range unsupportedInMessage {
		if !turn.blank(name) {
			return Message{}, fmt.Errorf("%q is not supported; write what the turn says into %q", name, k.content)
		}
	}
	for _, name := range weightsOfMessage {
		if turn.zero(name) {
			return Message{}, fmt.Errorf("%q leaves a single message out of the loss, which is not supported; remove it, or train on the last assistant turn only", name)
		}
	}
	given, err := turn.text(k.role)
	if err != nil {
		return Message{}, err
	}
	role, known := k.roles[given]
	if !known {
		return Message{}, fmt.Errorf("unknown %s %q; accepted: %s", k.role, excerpt([]byte(given)), strings.Join(slices.Sorted(maps.Keys(k.roles)), ", "))
	}
	content, err := turn.text(k.content)
	return Message{Role: role, Content: content}, err
}
