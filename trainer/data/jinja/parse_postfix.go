package jinja

import "strconv"

// postfix reads what may follow a value directly: attributes, items, slices and
// calls.
func (p *parser) postfix(value expression) (expression, error) {
	for {
		var err error
		switch {
		case p.skipOperator("."):
			value, err = p.dotted(value)
		case p.skipOperator("["):
			value, err = p.subscript(value)
		case p.isOperator("("):
			value, err = p.call(value)
		default:
			return value, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *parser) dotted(value expression) (expression, error) {
	switch t := p.current(); t.kind {
	case tokenName:
		p.advance()
		return &attributeLookup{object: value, name: t.text}, nil
	case tokenInteger:
		index, err := strconv.Atoi(t.text)
		if err != nil {
			return nil, p.errorf("the index %s is too large", t.text)
		}
		p.advance()
		return &itemLookup{object: value, key: constant{index}}, nil
	default:
		return nil, p.errorf("expected a name or a number after '.', got %s", t.describe())
	}
}

func (p *parser) subscript(value expression) (expression, error) {
	var first expression
	var err error
	if !p.isOperator(":") {
		if first, err = p.expression(true); err != nil {
			return nil, err
		}
		if !p.isOperator(":") {
			return &itemLookup{object: value, key: first}, p.expectOperator("]")
		}
	}
	result := &sliceLookup{object: value, start: first}
	p.advance()
	if !p.isOperator(":") && !p.isOperator("]") {
		if result.stop, err = p.expression(true); err != nil {
			return nil, err
		}
	}
	if p.skipOperator(":") && !p.isOperator("]") {
		if result.step, err = p.expression(true); err != nil {
			return nil, err
		}
	}
	return result, p.expectOperator("]")
}

// filtersAndTests reads "|filter" and "is test" behind a value.
func (p *parser) filtersAndTests(value expression) (expression, error) {
	for {
		var err error
		switch {
		case p.skipOperator("|"):
			value, err = p.filter(value)
		case p.skipName("is"):
			value, err = p.test(value)
		case p.isOperator("("):
			value, err = p.call(value)
		default:
			return value, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *parser) filter(value expression) (expression, error) {
	name, err := p.expectName()
	if err != nil {
		return nil, err
	}
	result := &filterCall{value: value, name: name}
	if p.isOperator("(") {
		result.arguments, err = p.arguments()
	}
	return result, err
}

func (p *parser) test(value expression) (expression, error) {
	negated := p.skipName("not")
	name, err := p.expectName()
	if err != nil {
		return nil, err
	}
	result := &testCall{value: value, name: name, negated: negated}
	switch {
	case p.isOperator("("):
		result.arguments, err = p.arguments()
	case p.testOperandFollows():
		if p.isName("is") {
			return nil, p.errorf("tests cannot be chained: 'is' after 'is %s'", name)
		}
		var operand expression
		if operand, err = p.primary(); err != nil {
			return nil, err
		}
		operand, err = p.postfix(operand)
		result.arguments.positional = []expression{operand}
	}
	return result, err
}

// testOperandFollows tells an operand without parentheses ("is divisibleby 3")
// from the words that continue the expression around the test.
func (p *parser) testOperandFollows() bool {
	switch t := p.current(); t.kind {
	case tokenName:
		return t.text != "else" && t.text != "or" && t.text != "and"
	case tokenString, tokenInteger, tokenFloat:
		return true
	default:
		return p.isOperator("[") || p.isOperator("{")
	}
}

func (p *parser) call(function expression) (expression, error) {
	arguments, err := p.arguments()
	return &callExpression{function: function, arguments: arguments}, err
}

func (p *parser) arguments() (argumentList, error) {
	var result argumentList
	p.advance()
	for count := 0; !p.skipOperator(")"); count++ {
		if count > 0 {
			if err := p.expectOperator(","); err != nil {
				return result, err
			}
			if p.skipOperator(")") {
				break
			}
		}
		if p.isOperator("*") || p.isOperator("**") {
			return result, p.errorf("arguments unpacked with '%s' are not supported", p.current().text)
		}
		keyword := ""
		if next := p.look(); p.current().kind == tokenName && next.kind == tokenOperator && next.text == "=" {
			keyword = p.advance().text
			p.advance()
		} else if len(result.keywords) > 0 {
			return result, p.errorf("a positional argument follows a keyword argument")
		}
		value, err := p.expression(true)
		if err != nil {
			return result, err
		}
		if keyword == "" {
			result.positional = append(result.positional, value)
			continue
		}
		result.keywords = append(result.keywords, keyword)
		result.keywordValues = append(result.keywordValues, value)
	}
	return result, nil
}
