package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that no formatting, encoding or logging shows: each gives only whether it is set.
type Secret struct{ text string }

// NewSecret makes a secret of a text; the empty one is a secret that is not set.
func NewSecret(text string) Secret { return Secret{text: text} }

// Reveal is the text itself, for where it is used.
func (s Secret) Reveal() string { return s.text }

// String is "set" or "not set".
func (s Secret) String() string {
	if s.text == "" {
		return "not set"
	}
	return "set"
}

// Format writes what String gives, whatever the verb.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, s.String()) }

// MarshalText gives what String gives.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue gives what String gives.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
