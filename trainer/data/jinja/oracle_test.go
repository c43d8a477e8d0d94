package jinja

import (
	"encoding/json"
	"os"
	"testing"
	"time"
)

// oracleVariables are those that make_oracle.py gives to every template.
func oracleVariables() map[string]any {
	return map[string]any{
		"messages": []any{
			NewMapping().Set("role", "user").Set("content", "hi <b>é"),
			NewMapping().Set("role", "assistant").Set("content", ""),
		},
		"nothing": nil, "empty": "", "word": "alpha", "number": 42,
		"items": []any{1, 2, 3},
		"flags": NewMapping().Set("yes", true).Set("no", false),
	}
}

// refusedHere are templates that Python renders and this package refuses, on
// purpose: a refusal is safe, a difference is not.
var refusedHere = map[string]bool{
	"{{ 1e5 }}":            true, // no template writes numbers so
	"{{ word.__class__ }}": true, // the sandbox hides it; asking is suspicious
}

// TestAgainstJinja2 compares with what Python's Jinja2 made of the same
// templates: the same text, or an error where Python raises.
func TestAgainstJinja2(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("testdata/expressions.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Template string
		Rendered *string
		Error    string
	}
	if err := json.Unmarshal(content, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 150 {
		t.Fatalf("only %d cases in the oracle file", len(cases))
	}
	for _, c := range cases {
		got, err := renderSource(c.Template, oracleVariables())
		switch {
		case c.Rendered == nil && err == nil:
			t.Errorf("%s\n got %q, want an error: Python says %s", c.Template, got, c.Error)
		case c.Rendered == nil:
		case refusedHere[c.Template]:
			if err == nil {
				t.Errorf("%s\n is listed as refused but renders %q", c.Template, got)
			}
		case err != nil:
			t.Errorf("%s\n error %v, want %q", c.Template, err, *c.Rendered)
		case got != *c.Rendered:
			t.Errorf("%s\n got  %q\n want %q", c.Template, got, *c.Rendered)
		}
	}
}

func renderSource(source string, variables map[string]any) (string, error) {
	template, err := Parse(source)
	if err != nil {
		return "", err
	}
	return template.Render(variables, time.Date(2024, time.March, 7, 9, 5, 3, 0, time.UTC))
}
