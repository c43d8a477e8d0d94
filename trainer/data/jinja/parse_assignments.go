package jinja

// targets reads the names that an assignment or a loop fills: one, or several
// separated by commas, which unpack the value.
func (p *parser) targets(end string) (names []string, unpack bool, err error) {
	parenthesised := p.skipOperator("(")
	for {
		if len(names) > 0 && end != "" && p.isName(end) {
			break
		}
		name, err := p.expectName()
		if err != nil {
			return nil, false, err
		}
		names = append(names, name)
		if !p.skipOperator(",") {
			break
		}
		unpack = true
	}
	if parenthesised {
		err = p.expectOperator(")")
	}
	return names, unpack, err
}

func (p *parser) setStatement(line int) (statement, error) {
	names, unpack, err := p.targets("")
	if err != nil {
		return nil, err
	}
	target := assignment{line: line, targets: names, unpack: unpack}
	if !unpack && p.skipOperator(".") {
		if target.attribute, err = p.expectName(); err != nil {
			return nil, err
		}
	}
	if p.skipOperator("=") {
		target.value, err = p.tuple(tupleRules{conditional: true})
		return &target, err
	}
	if p.isOperator("|") {
		return nil, p.errorf("a filter on a block assignment is not supported")
	}
	body, _, err := p.isolatedBlock("endset")
	target.value = &capturedBlock{body: body}
	return &target, err
}

func (p *parser) macroStatement() (statement, error) {
	name, err := p.expectName()
	if err != nil {
		return nil, err
	}
	result := &macroDefinition{name: name}
	if err := p.expectOperator("("); err != nil {
		return nil, err
	}
	for !p.isOperator(")") {
		if len(result.parameters) > 0 {
			if err := p.expectOperator(","); err != nil {
				return nil, err
			}
		}
		parameter, err := p.expectName()
		if err != nil {
			return nil, err
		}
		var fallback expression
		if p.skipOperator("=") {
			if fallback, err = p.expression(true); err != nil {
				return nil, err
			}
		}
		result.parameters = append(result.parameters, macroParameter{name: parameter, fallback: fallback})
	}
	p.advance()
	body, _, err := p.isolatedBlock("endmacro")
	result.body = body
	return result, err
}
