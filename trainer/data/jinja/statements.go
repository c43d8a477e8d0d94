package jinja

import (
	"errors"
	"fmt"
	"strings"
)

// statement is a node that writes output or changes its scope.
type statement interface {
	execute(r *renderer, s *scope) (signal, error)
}

// data is text outside any tag.
type data string

func (d data) execute(r *renderer, _ *scope) (signal, error) { return proceed, r.write(string(d)) }

func (r *renderer) write(text string) error {
	if r.out.Len()+len(text) > maximumText {
		return fmt.Errorf("the template makes more than %d bytes of text", maximumText)
	}
	r.out.WriteString(text)
	return nil
}

// output is {{ value }}.
type output struct {
	line  int
	value expression
}

func (o *output) execute(r *renderer, s *scope) (signal, error) {
	v, err := o.value.evaluate(r, s)
	if err != nil {
		return proceed, at(o.line, err)
	}
	shown, err := text(v)
	if err != nil {
		return proceed, at(o.line, err)
	}
	return proceed, at(o.line, r.write(shown))
}

// jump is break or continue.
type jump signal

func (j jump) execute(*renderer, *scope) (signal, error) { return signal(j), nil }

type branch struct {
	condition expression
	body      []statement
}

// ifBlock has no scope of its own: what it sets stays set behind it.
type ifBlock struct {
	line      int
	branches  []branch
	otherwise []statement
}

func (b *ifBlock) execute(r *renderer, s *scope) (signal, error) {
	for _, each := range b.branches {
		condition, err := each.condition.evaluate(r, s)
		if err != nil {
			return proceed, at(b.line, err)
		}
		if truth(condition) {
			return r.run(each.body, s)
		}
	}
	return r.run(b.otherwise, s)
}

// forLoop gives every pass a scope of its own: what a pass sets is gone in the
// next. Passes that the filter rejects do not count in loop.index or length. The
// else runs when no pass came to its end: there was none, or all of them were
// left by break or continue.
type forLoop struct {
	line            int
	targets         []string
	unpack          bool
	iterable        expression
	filter          expression
	body, otherwise []statement
}

func (f *forLoop) execute(r *renderer, s *scope) (signal, error) {
	items, err := f.items(r, s)
	if err != nil {
		return proceed, at(f.line, err)
	}
	state := &loopState{items: items}
	completed := false
	for i, item := range items {
		if r.passes.left--; r.passes.left < 0 {
			return proceed, at(f.line, fmt.Errorf("loops go through more than %d passes", maximumPasses))
		}
		state.index0 = i
		pass := s.child()
		pass.variables["loop"] = state
		if err := assign(pass, f.targets, f.unpack, item); err != nil {
			return proceed, at(f.line, err)
		}
		next, err := r.run(f.body, pass)
		if err != nil {
			return proceed, err
		}
		if next == breakLoop {
			break
		}
		completed = completed || next == proceed
	}
	if completed {
		return proceed, nil
	}
	return r.run(f.otherwise, s.child())
}

func (f *forLoop) items(r *renderer, s *scope) ([]any, error) {
	v, err := f.iterable.evaluate(r, s)
	if err != nil {
		return nil, err
	}
	items, err := iterate(v)
	if err != nil || f.filter == nil {
		return items, err
	}
	var kept []any
	for _, item := range items {
		pass := s.child()
		if err := assign(pass, f.targets, f.unpack, item); err != nil {
			return nil, err
		}
		keep, err := f.filter.evaluate(r, pass)
		if err != nil {
			return nil, err
		}
		if truth(keep) {
			kept = append(kept, item)
		}
	}
	return kept, nil
}

// assign stores v under one name, or its items under several.
func assign(s *scope, names []string, unpack bool, v value) error {
	if !unpack {
		s.variables[names[0]] = v
		return nil
	}
	if u, ok := v.(undefined); ok {
		return u.err()
	}
	items, err := iterate(v)
	if err != nil {
		return err
	}
	if len(items) != len(names) {
		return fmt.Errorf("cannot unpack %d values into %d names", len(items), len(names))
	}
	for i, name := range names {
		s.variables[name] = items[i]
	}
	return nil
}

// assignment is "set": of names, or of an attribute of a namespace.
type assignment struct {
	line      int
	targets   []string
	unpack    bool
	attribute string
	value     expression
}

func (a *assignment) execute(r *renderer, s *scope) (signal, error) {
	v, err := a.value.evaluate(r, s)
	if err != nil {
		return proceed, at(a.line, err)
	}
	if a.attribute == "" {
		return proceed, at(a.line, assign(s, a.targets, a.unpack, v))
	}
	target, ok := s.lookup(a.targets[0]).(*namespace)
	if !ok {
		return proceed, at(a.line, fmt.Errorf("cannot set %s.%s: only a namespace can be changed", a.targets[0], a.attribute))
	}
	if err := checkNamespaceName(a.attribute); err != nil {
		return proceed, at(a.line, err)
	}
	target.attributes[a.attribute] = v
	return proceed, nil
}

func checkNamespaceName(name string) error {
	if strings.HasPrefix(name, "_") {
		return errors.New("a namespace cannot hold a name that begins with an underscore: " + name)
	}
	return nil
}

// capturedBlock is the text between "set name" and "endset".
type capturedBlock struct{ body []statement }

func (c *capturedBlock) evaluate(r *renderer, s *scope) (value, error) {
	return r.capture(c.body, s.child())
}

// generationBlock renders its body in a scope of its own.
type generationBlock struct{ body []statement }

func (g *generationBlock) execute(r *renderer, s *scope) (signal, error) {
	return r.run(g.body, s.child())
}

type macroParameter struct {
	name     string
	fallback expression
}

// macroDefinition binds a function that renders its body to text. The body sees
// the scope where the macro is defined, not the one where it is called.
type macroDefinition struct {
	name       string
	parameters []macroParameter
	body       []statement
}

func (m *macroDefinition) execute(_ *renderer, s *scope) (signal, error) {
	s.variables[m.name] = &function{name: m.name, call: func(r *renderer, given callArguments) (value, error) {
		inner := s.child()
		if err := m.bind(r, inner, given); err != nil {
			return nil, err
		}
		return r.capture(m.body, inner)
	}}
	return proceed, nil
}

func (m *macroDefinition) bind(r *renderer, inner *scope, given callArguments) error {
	if len(given.positional) > len(m.parameters) {
		return fmt.Errorf("macro %s takes %d arguments, got %d", m.name, len(m.parameters), len(given.positional))
	}
	used := 0
	for i, parameter := range m.parameters {
		keyword, named := given.keyword(parameter.name)
		switch {
		case i < len(given.positional) && named:
			return fmt.Errorf("macro %s got the argument %q twice", m.name, parameter.name)
		case i < len(given.positional):
			inner.variables[parameter.name] = given.positional[i]
		case named:
			inner.variables[parameter.name] = keyword
			used++
		case parameter.fallback != nil:
			v, err := parameter.fallback.evaluate(r, inner)
			if err != nil {
				return err
			}
			inner.variables[parameter.name] = v
		default:
			inner.variables[parameter.name] = undefined{what: fmt.Sprintf("parameter '%s' was not provided", parameter.name)}
		}
	}
	if used < len(given.keywords) {
		return fmt.Errorf("macro %s got a keyword argument that it does not take", m.name)
	}
	return nil
}
