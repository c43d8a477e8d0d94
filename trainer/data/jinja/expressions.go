package jinja

import "fmt"

// expression is a node that has a value.
type expression interface {
	evaluate(r *renderer, s *scope) (value, error)
}

type constant struct{ value value }

func (c constant) evaluate(*renderer, *scope) (value, error) { return c.value, nil }

type variable string

func (v variable) evaluate(_ *renderer, s *scope) (value, error) { return s.lookup(string(v)), nil }

type listDisplay struct{ items []expression }

func (l *listDisplay) evaluate(r *renderer, s *scope) (value, error) {
	return evaluateAll(r, s, l.items)
}

type tupleDisplay struct{ items []expression }

func (t *tupleDisplay) evaluate(r *renderer, s *scope) (value, error) {
	items, err := evaluateAll(r, s, t.items)
	return tuple(items), err
}

func evaluateAll(r *renderer, s *scope, expressions []expression) ([]any, error) {
	values := make([]any, len(expressions))
	for i, each := range expressions {
		v, err := each.evaluate(r, s)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

type mappingDisplay struct{ keys, values []expression }

func (m *mappingDisplay) evaluate(r *renderer, s *scope) (value, error) {
	result := NewMapping()
	for i := range m.keys {
		key, err := m.keys[i].evaluate(r, s)
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("a dict key of type %s is not supported: only str", typeName(key))
		}
		v, err := m.values[i].evaluate(r, s)
		if err != nil {
			return nil, err
		}
		result.Set(name, v)
	}
	return result, nil
}

type conditionalExpression struct{ condition, value, otherwise expression }

func (c *conditionalExpression) evaluate(r *renderer, s *scope) (value, error) {
	condition, err := c.condition.evaluate(r, s)
	switch {
	case err != nil:
		return nil, err
	case truth(condition):
		return c.value.evaluate(r, s)
	case c.otherwise == nil:
		return undefined{what: "an inline if was false and has no else"}, nil
	default:
		return c.otherwise.evaluate(r, s)
	}
}

// logical is "or" (stopWhen true) or "and" (stopWhen false). Its value is one of
// its operands, not a bool.
type logical struct {
	left, right expression
	stopWhen    bool
}

func (l *logical) evaluate(r *renderer, s *scope) (value, error) {
	left, err := l.left.evaluate(r, s)
	if err != nil || truth(left) == l.stopWhen {
		return left, err
	}
	return l.right.evaluate(r, s)
}

type negation struct{ operand expression }

func (n *negation) evaluate(r *renderer, s *scope) (value, error) {
	v, err := n.operand.evaluate(r, s)
	return !truth(v), err
}

// comparison is a chain: "a < b < c" is "a < b and b < c".
type comparison struct {
	first     expression
	operators []string
	operands  []expression
}

func (c *comparison) evaluate(r *renderer, s *scope) (value, error) {
	left, err := c.first.evaluate(r, s)
	if err != nil {
		return nil, err
	}
	for i, operator := range c.operators {
		right, err := c.operands[i].evaluate(r, s)
		if err != nil {
			return nil, err
		}
		holds, err := compare(operator, left, right)
		if !holds || err != nil {
			return false, err
		}
		left = right
	}
	return true, nil
}

type arithmetic struct {
	operator    string
	left, right expression
}

func (a *arithmetic) evaluate(r *renderer, s *scope) (value, error) {
	left, err := a.left.evaluate(r, s)
	if err != nil {
		return nil, err
	}
	right, err := a.right.evaluate(r, s)
	if err != nil {
		return nil, err
	}
	return calculate(a.operator, left, right)
}

type sign struct {
	negative bool
	operand  expression
}

func (n *sign) evaluate(r *renderer, s *scope) (value, error) {
	v, err := n.operand.evaluate(r, s)
	if err != nil {
		return nil, err
	}
	direction := 1
	if n.negative {
		direction = -1
	}
	if _, ok := number(v); !ok {
		if u, ok := v.(undefined); ok {
			return nil, u.err()
		}
		return nil, fmt.Errorf("a value of type %s has no sign", typeName(v))
	}
	return calculate("*", direction, v)
}

// argumentList is the arguments of a call as written.
type argumentList struct {
	positional    []expression
	keywords      []string
	keywordValues []expression
}

func (a argumentList) evaluate(r *renderer, s *scope) (callArguments, error) {
	positional, err := evaluateAll(r, s, a.positional)
	if err != nil {
		return callArguments{}, err
	}
	keywordValues, err := evaluateAll(r, s, a.keywordValues)
	return callArguments{positional: positional, keywords: a.keywords, keywordValues: keywordValues}, err
}

type callExpression struct {
	function  expression
	arguments argumentList
}

func (c *callExpression) evaluate(r *renderer, s *scope) (value, error) {
	callee, err := c.function.evaluate(r, s)
	if err != nil {
		return nil, err
	}
	given, err := c.arguments.evaluate(r, s)
	if err != nil {
		return nil, err
	}
	switch callee := callee.(type) {
	case *function:
		return callee.call(r, given)
	case undefined:
		return nil, callee.err()
	default:
		return nil, fmt.Errorf("a value of type %s cannot be called", typeName(callee))
	}
}

type filterCall struct {
	value     expression
	name      string
	arguments argumentList
}

func (f *filterCall) evaluate(r *renderer, s *scope) (value, error) {
	subject, err := f.value.evaluate(r, s)
	if err != nil {
		return nil, err
	}
	given, err := f.arguments.evaluate(r, s)
	if err != nil {
		return nil, err
	}
	return applyFilter(f.name, subject, given)
}

type testCall struct {
	value     expression
	name      string
	arguments argumentList
	negated   bool
}

func (t *testCall) evaluate(r *renderer, s *scope) (value, error) {
	subject, err := t.value.evaluate(r, s)
	if err != nil {
		return nil, err
	}
	given, err := t.arguments.evaluate(r, s)
	if err != nil {
		return nil, err
	}
	holds, err := applyTest(t.name, subject, given)
	return holds != t.negated, err
}
