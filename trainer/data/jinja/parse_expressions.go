package jinja

import (
	"strconv"
	"strings"
)

// tupleRules say how a list of expressions separated by commas is read:
// conditional allows "a if b else c"; explicit means parentheses are around it,
// so that it may be empty; end is a name that may follow a trailing comma.
type tupleRules struct {
	conditional bool
	explicit    bool
	end         string
}

// tuple reads one expression, or several as a tuple.
func (p *parser) tuple(rules tupleRules) (expression, error) {
	var items []expression
	isTuple := false
	for !p.tupleEnds(rules.end) {
		item, err := p.expression(rules.conditional)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if !p.skipOperator(",") {
			break
		}
		isTuple = true
	}
	if !isTuple && len(items) == 1 {
		return items[0], nil
	}
	if !isTuple && !rules.explicit {
		return nil, p.errorf("expected an expression, got %s", p.current().describe())
	}
	return &tupleDisplay{items: items}, nil
}

func (p *parser) tupleEnds(end string) bool {
	switch p.current().kind {
	case tokenVariableEnd, tokenBlockEnd, tokenEnd:
		return true
	}
	return p.isOperator(")") || end != "" && p.isName(end)
}

func (p *parser) expression(conditional bool) (expression, error) {
	if err := p.nested(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	value, err := p.or()
	for err == nil && conditional && p.skipName("if") {
		choice := &conditionalExpression{value: value}
		if choice.condition, err = p.or(); err != nil {
			return nil, err
		}
		if p.skipName("else") {
			choice.otherwise, err = p.expression(true)
		}
		value = choice
	}
	return value, err
}

func (p *parser) or() (expression, error) {
	left, err := p.and()
	for err == nil && p.skipName("or") {
		var right expression
		right, err = p.and()
		left = &logical{left: left, right: right, stopWhen: true}
	}
	return left, err
}

func (p *parser) and() (expression, error) {
	left, err := p.not()
	for err == nil && p.skipName("and") {
		var right expression
		right, err = p.not()
		left = &logical{left: left, right: right, stopWhen: false}
	}
	return left, err
}

func (p *parser) not() (expression, error) {
	if !p.skipName("not") {
		return p.comparison()
	}
	if err := p.nested(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	operand, err := p.not()
	return &negation{operand: operand}, err
}

func (p *parser) comparison() (expression, error) {
	first, err := p.sum()
	if err != nil {
		return nil, err
	}
	chain := &comparison{first: first}
	for {
		operator := ""
		switch t := p.current(); {
		case t.kind == tokenOperator && strings.Contains(" == != < <= > >= ", " "+t.text+" "):
			operator = t.text
			p.advance()
		case p.skipName("in"):
			operator = "in"
		case p.isName("not") && p.look().kind == tokenName && p.look().text == "in":
			operator = "not in"
			p.advance()
			p.advance()
		}
		if operator == "" {
			break
		}
		operand, err := p.sum()
		if err != nil {
			return nil, err
		}
		chain.operators = append(chain.operators, operator)
		chain.operands = append(chain.operands, operand)
	}
	if len(chain.operators) == 0 {
		return first, nil
	}
	return chain, nil
}

// binary reads operands joined by any of the operators, left to right.
func (p *parser) binary(operand func() (expression, error), operators ...string) (expression, error) {
	left, err := operand()
	for err == nil {
		matched := ""
		for _, operator := range operators {
			if p.skipOperator(operator) {
				matched = operator
				break
			}
		}
		if matched == "" {
			break
		}
		var right expression
		right, err = operand()
		left = &arithmetic{operator: matched, left: left, right: right}
	}
	return left, err
}

// In Jinja "~" binds tighter than "+", and "-x ** 2" is "(-x) ** 2".
func (p *parser) sum() (expression, error)     { return p.binary(p.concat, "+", "-") }
func (p *parser) concat() (expression, error)  { return p.binary(p.product, "~") }
func (p *parser) product() (expression, error) { return p.binary(p.power, "*", "//", "/", "%") }
func (p *parser) power() (expression, error) {
	return p.binary(func() (expression, error) { return p.unary(true) }, "**")
}

func (p *parser) unary(withFilter bool) (expression, error) {
	if err := p.nested(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	var value expression
	var err error
	switch {
	case p.skipOperator("-"):
		value, err = p.unary(false)
		value = &sign{negative: true, operand: value}
	case p.skipOperator("+"):
		value, err = p.unary(false)
		value = &sign{operand: value}
	default:
		value, err = p.primary()
	}
	if err == nil {
		value, err = p.postfix(value)
	}
	if err == nil && withFilter {
		value, err = p.filtersAndTests(value)
	}
	return value, err
}

func (p *parser) primary() (expression, error) {
	t := p.current()
	switch t.kind {
	case tokenName:
		p.advance()
		switch t.text {
		case "true", "True":
			return constant{true}, nil
		case "false", "False":
			return constant{false}, nil
		case "none", "None":
			return constant{nil}, nil
		}
		return variable(t.text), nil
	case tokenString:
		var text strings.Builder
		for p.current().kind == tokenString {
			text.WriteString(p.advance().text)
		}
		return constant{text.String()}, nil
	case tokenInteger:
		n, err := strconv.Atoi(t.text)
		if err != nil {
			return nil, p.errorf("the number %s is too large", t.text)
		}
		p.advance()
		return constant{n}, nil
	case tokenFloat:
		x, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, p.errorf("the number %s is too large", t.text)
		}
		p.advance()
		return constant{x}, nil
	}
	switch {
	case p.skipOperator("("):
		inner, err := p.tuple(tupleRules{conditional: true, explicit: true})
		if err != nil {
			return nil, err
		}
		return inner, p.expectOperator(")")
	case p.skipOperator("["):
		return p.listDisplay()
	case p.skipOperator("{"):
		return p.mappingDisplay()
	}
	return nil, p.errorf("unexpected %s", t.describe())
}

func (p *parser) listDisplay() (expression, error) {
	result := &listDisplay{}
	for !p.skipOperator("]") {
		if len(result.items) > 0 {
			if err := p.expectOperator(","); err != nil {
				return nil, err
			}
			if p.skipOperator("]") {
				break
			}
		}
		item, err := p.expression(true)
		if err != nil {
			return nil, err
		}
		result.items = append(result.items, item)
	}
	return result, nil
}

func (p *parser) mappingDisplay() (expression, error) {
	result := &mappingDisplay{}
	for !p.skipOperator("}") {
		if len(result.keys) > 0 {
			if err := p.expectOperator(","); err != nil {
				return nil, err
			}
			if p.skipOperator("}") {
				break
			}
		}
		key, err := p.expression(true)
		if err != nil {
			return nil, err
		}
		if err := p.expectOperator(":"); err != nil {
			return nil, err
		}
		value, err := p.expression(true)
		if err != nil {
			return nil, err
		}
		result.keys = append(result.keys, key)
		result.values = append(result.values, value)
	}
	return result, nil
}
