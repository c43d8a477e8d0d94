package jinja

import (
	"fmt"
	"strings"
	"time"
)

// Template is a parsed chat template.
type Template struct {
	body []statement
}

// Parse reads a template. Its errors name the line and what is wrong or not
// supported there.
func Parse(source string) (*Template, error) {
	tokens, err := lex(source)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	body, _, err := p.statements()
	if err != nil {
		return nil, err
	}
	return &Template{body: body}, nil
}

// RaisedError is the template's own refusal: it called raise_exception, as many
// do when roles do not alternate.
type RaisedError struct{ Message string }

func (e *RaisedError) Error() string { return e.Message }

// Render evaluates the template. Variables may hold nil, bool, int, float64,
// string, []any and *Mapping; a name that is absent is undefined, which is not
// the same as None. now is the time that strftime_now formats.
func (t *Template) Render(variables map[string]any, now time.Time) (string, error) {
	globals := &scope{variables: globalFunctions(now)}
	root := &scope{variables: make(map[string]any, len(variables)), parent: globals}
	for name, value := range variables {
		if err := checkVariable(value); err != nil {
			return "", fmt.Errorf("variable %q: %w", name, err)
		}
		root.variables[name] = value
	}
	r := &renderer{passes: &budget{left: maximumPasses}}
	if _, err := r.run(t.body, root); err != nil {
		return "", err
	}
	return r.out.String(), nil
}

func checkVariable(value any) error {
	switch v := value.(type) {
	case nil, bool, int, float64, string:
		return nil
	case []any:
		for _, item := range v {
			if err := checkVariable(item); err != nil {
				return err
			}
		}
		return nil
	case *Mapping:
		for _, key := range v.keys {
			if err := checkVariable(v.values[key]); err != nil {
				return err
			}
		}
		return nil
	default:
		return fmt.Errorf("a template cannot hold a %T", value)
	}
}

// scope holds the names that one level of the template can see. Jinja gives a
// scope to each pass of a loop, each macro call and each block assignment, but
// none to an if.
type scope struct {
	variables map[string]any
	parent    *scope
}

func (s *scope) child() *scope { return &scope{variables: map[string]any{}, parent: s} }

func (s *scope) lookup(name string) any {
	for ; s != nil; s = s.parent {
		if value, ok := s.variables[name]; ok {
			return value
		}
	}
	return undefined{what: fmt.Sprintf("'%s' is undefined", name)}
}

// maximumDepth bounds macro recursion and the nesting of a template's source, so
// that a hostile template ends in an error and not in an exhausted stack.
const maximumDepth = 200

// maximumText bounds what a template can make out of small input, in bytes.
const maximumText = 1 << 28

// maximumItems bounds a list that is made of two, likewise.
const maximumItems = 1_000_000

// maximumPasses bounds the passes of all loops of one rendering together; loops
// inside loops could otherwise run for days.
const maximumPasses = 1_000_000

type budget struct{ left int }

type renderer struct {
	out    strings.Builder
	depth  int
	passes *budget // shared by the renderers of macros
}

// signal is how a statement ends: normally, or by leaving a pass or the loop.
type signal int

const (
	proceed signal = iota
	continueLoop
	breakLoop
)

func (r *renderer) run(body []statement, s *scope) (signal, error) {
	for _, each := range body {
		if next, err := each.execute(r, s); err != nil || next != proceed {
			return next, err
		}
	}
	return proceed, nil
}

// capture renders body into text of its own, as macros and block assignments do.
func (r *renderer) capture(body []statement, s *scope) (string, error) {
	if r.depth >= maximumDepth {
		return "", fmt.Errorf("macros call one another more than %d levels deep", maximumDepth)
	}
	inner := &renderer{depth: r.depth + 1, passes: r.passes}
	if _, err := inner.run(body, s); err != nil {
		return "", err
	}
	return inner.out.String(), nil
}

// locatedError adds the template line to an error, once: the innermost wins.
type locatedError struct {
	line int
	err  error
}

func (e *locatedError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *locatedError) Unwrap() error { return e.err }

func at(line int, err error) error {
	if err == nil {
		return nil
	}
	if _, located := err.(*locatedError); located {
		return err
	}
	return &locatedError{line: line, err: err}
}
