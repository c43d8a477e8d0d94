package main

import (
	"strings"
	"testing"
)

func TestWriteTable(t *testing.T) {
	t.Parallel()
	columns := []column[string]{
		{"ALL", func(s string) string { return s }},
		{"NONE", func(string) string { return "" }},
		{"SOME", func(s string) string { return strings.TrimLeft(s, "a") }},
		{"WORDS", func(s string) string { return strings.TrimLeft(s, "ab") }},
	}
	var out strings.Builder
	if err := writeTable(&out, columns, []string{"a", "ab", "abc"}); err != nil {
		t.Fatal(err)
	}
	const want = "ALL  SOME  WORDS\na    –     \nab   b     \nabc  bc    c\n"
	if out.String() != want {
		t.Errorf("the table is\n%s\nwant\n%s", out.String(), want)
	}
}
