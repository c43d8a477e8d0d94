package jinja

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestStrftime(t *testing.T) {
	t.Parallel()
	// What Python's strftime gives for the time that renderSource passes.
	got, err := renderSource("{{ strftime_now('%d %b %Y, %A %a %B %m/%y %H:%M:%S %I %p day %j 100%%') }}", nil)
	if want := "07 Mar 2024, Thursday Thu March 03/24 09:05:03 09 AM day 067 100%"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// TestErrors: what is refused is named, with its line.
func TestErrors(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("(", 500) + "1" + strings.Repeat(")", 500)
	blocks := strings.Repeat("{% if 1 %}", 500)
	for source, want := range map[string]string{
		"a\n\n{% include 'x' %}":          "line 3: the statement 'include' is not supported; supported: if, for",
		"{% raw %}{{ x }}{% endraw %}":    "the statement 'raw' is not supported",
		"\n{{ 'a' | nope }}":              `line 2: the filter "nope" is not supported; supported: capitalize,`,
		"{{ 'a' is nope }}":               `line 1: the test "nope" is not supported; supported: !=, <,`,
		"{{ 'a'.zfill(3) }}":              `"zfill" of a value of type str is not supported`,
		"{{ word.nope.x }}":               "a value of type str has no attribute or item 'nope'",
		"{{ nope.x }}":                    "'nope' is undefined",
		"{{ 'ß' | upper }}":               "changing the case of text beyond ASCII is not supported",
		"{% for x in y recursive %}":      "recursive loops are not supported",
		"{% set x | upper %}{% endset %}": "a filter on a block assignment is not supported",
		"{{ f(*x) }}":                     "unpacked with '*' are not supported",
		"{{ range(100001) }}":             "more than 100000 numbers",
		"{{ 9223372036854775807 + 1 }}":   "an integer is too large",
		"{{ 99999999999999999999 }}":      "the number 99999999999999999999 is too large",
		"{{ 'aaaa' * 9999999999 }}":       "more than 268435456 bytes",
		"{% for i in range(99999) %}{% for i in range(99999) %}{% endfor %}{% endfor %}": "more than 1000000 passes",
		"{{ 0x10 }}":               "plain decimal digits",
		"{{ '\\N{DASH}' }}":        "this escape is not supported",
		"{{ '\\ud800' }}":          "does not name a character",
		"{{ " + deep + " }}":       "nested more than 200 levels deep",
		blocks:                     "nested more than 200 levels deep",
		"{{ strftime_now('%Q') }}": "the directive %Q is not supported",
		"{{ {1: 2} }}":             "a dict key of type int is not supported",
		"{{ namespace(a=1) }}":     "printing a value of type namespace is not supported",
		"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}":       "macros call one another more than 200 levels deep",
		"{% for i in range(9) %}\n{{ 'a'\n  + i }}{% endfor %}": "line 2: '+' does not apply to str and int",
	} {
		got, err := renderSource(source, oracleVariables())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s\n got %q, error %v\n want %q", source, got, err, want)
		}
	}
}

// TestWhatIsJoinedIsBounded: a template cannot double a text or a list until memory is exhausted.
func TestWhatIsJoinedIsBounded(t *testing.T) {
	t.Parallel()
	variables := map[string]any{"half": strings.Repeat("a", maximumText/2+1), "list": make([]any, maximumItems/2+1)}
	for source, want := range map[string]string{
		"{{ half + half }}":             "'+' makes a string of more than 268435456 bytes",
		"{{ half ~ half }}":             "'~' makes a string",
		"{{ [half, half] | join }}":     "join makes a string",
		"{{ half.join(['', '', '']) }}": "join makes a string",
		"{{ (list + list) | length }}":  "'+' makes a list of more than 1000000 items",
	} {
		if _, err := renderSource(source, variables); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", source, err, want)
		}
	}
}

func TestRaisedError(t *testing.T) {
	t.Parallel()
	_, err := renderSource("{% if true %}{{ raise_exception('Roles must alternate') }}{% endif %}", nil)
	var raised *RaisedError
	if !errors.As(err, &raised) || raised.Message != "Roles must alternate" {
		t.Errorf("got %v", err)
	}
}

func TestRenderChecksVariables(t *testing.T) {
	t.Parallel()
	for _, bad := range []any{int32(1), []string{"a"}, []any{map[string]any{}}, NewMapping().Set("a", struct{}{})} {
		if _, err := renderSource("x", map[string]any{"v": bad}); err == nil || !strings.Contains(err.Error(), `variable "v"`) {
			t.Errorf("%T: got %v", bad, err)
		}
	}
}

// TestRenderConcurrently is for the race detector: rendering must not write to
// the template or to the variables.
func TestRenderConcurrently(t *testing.T) {
	t.Parallel()
	template, err := Parse("{% set ns = namespace(n=0) %}{% macro m(x) %}<{{ x }}>{% endmacro %}{% for i in items %}{% set ns.n = ns.n + i %}{{ m(i) }}{% endfor %}{{ ns.n }}")
	if err != nil {
		t.Fatal(err)
	}
	variables := oracleVariables()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				if got, err := template.Render(variables, time.Time{}); err != nil || got != "<1><2><3>6" {
					t.Errorf("got %q, %v", got, err)
				}
			}
		})
	}
	group.Wait()
}

// FuzzRender: any source ends in text or an error, never in a panic.
func FuzzRender(f *testing.F) {
	for _, seed := range []string{
		"{% for m in messages if m.role != 'x' %}{{ loop.index ~ m['content'][1:-1:2] | trim }}{% else %}{% break %}{% endfor %}",
		"{%- set ns = namespace(a=[1, (2,)], b={'k': none}) -%}{{ ns.a[0] ** 2 // -3 % 4 }}{% set ns.a = ns.b.get('k', 1.5) %}",
		"{% macro m(a, b='\\u00e9') %}{{ a or b }}{% endmacro %}{{ m(b=1) if not absent is defined else word.split('p', 1) }}",
		"{% set ns = namespace({'': 1}) %}{{ ns[''] }}",
		"{# c -#}{% set x %}{{ flags | items | list | tojson(indent=2) }}{% endset %}{{ x | replace('a', '') | length }}{{ {}[0] }}",
		"{{ messages | selectattr('role', 'in', ['user']) | map(attribute='content') | join(', ') }}{{ raise_exception('x') }}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if got, err := renderSource(source, oracleVariables()); err != nil && got != "" {
			t.Fatalf("text %q together with error %v", got, err)
		}
	})
}
