package jinja

import (
	"fmt"
	"slices"
	"strings"
)

// parser reads tokens into statements and expressions by recursive descent,
// with the precedences of Jinja 3.1.
type parser struct {
	tokens    []token
	position  int
	depth     int
	loopDepth int
}

func (p *parser) current() token { return p.tokens[p.position] }

func (p *parser) look() token {
	return p.tokens[min(p.position+1, len(p.tokens)-1)]
}

func (p *parser) advance() token {
	t := p.tokens[p.position]
	if t.kind != tokenEnd {
		p.position++
	}
	return t
}

func (p *parser) isOperator(text string) bool {
	t := p.current()
	return t.kind == tokenOperator && t.text == text
}

func (p *parser) isName(text string) bool {
	t := p.current()
	return t.kind == tokenName && t.text == text
}

func (p *parser) skipOperator(text string) bool {
	if !p.isOperator(text) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) skipName(text string) bool {
	if !p.isName(text) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) errorf(format string, arguments ...any) error {
	return fmt.Errorf("line %d: %s", p.current().line, fmt.Sprintf(format, arguments...))
}

func (p *parser) expectOperator(text string) error {
	if !p.skipOperator(text) {
		return p.errorf("expected '%s', got %s", text, p.current().describe())
	}
	return nil
}

func (p *parser) expectName() (string, error) {
	if p.current().kind != tokenName {
		return "", p.errorf("expected a name, got %s", p.current().describe())
	}
	return p.advance().text, nil
}

func (p *parser) expectBlockEnd() error {
	if p.current().kind != tokenBlockEnd {
		return p.errorf("expected '%%}', got %s", p.current().describe())
	}
	p.advance()
	return nil
}

// nested guards every recursive rule against sources nested too deep.
func (p *parser) nested() error {
	p.depth++
	if p.depth > maximumDepth {
		return p.errorf("the template is nested more than %d levels deep", maximumDepth)
	}
	return nil
}

// statements reads up to one of the named end tags, whose name it consumes and
// returns, or to the end of the template when no name is given.
func (p *parser) statements(ends ...string) ([]statement, string, error) {
	if err := p.nested(); err != nil {
		return nil, "", err
	}
	defer func() { p.depth-- }()
	opened := p.current().line
	var body []statement
	for {
		switch t := p.advance(); t.kind {
		case tokenEnd:
			if len(ends) > 0 {
				return nil, "", fmt.Errorf("line %d: nothing closes this block: expected %s", opened, strings.Join(ends, " or "))
			}
			return body, "", nil
		case tokenData:
			body = append(body, data(t.text))
		case tokenVariableBegin:
			value, err := p.tuple(tupleRules{conditional: true})
			if err != nil {
				return nil, "", err
			}
			if p.current().kind != tokenVariableEnd {
				return nil, "", p.errorf("expected '}}', got %s", p.current().describe())
			}
			p.advance()
			body = append(body, &output{line: t.line, value: value})
		default:
			if p.current().kind == tokenName && slices.Contains(ends, p.current().text) {
				return body, p.advance().text, nil
			}
			next, err := p.statement()
			if err != nil {
				return nil, "", err
			}
			body = append(body, next)
			if err := p.expectBlockEnd(); err != nil {
				return nil, "", err
			}
		}
	}
}

// block reads the rest of an opening tag and its body, up to and including the
// name of the end tag.
func (p *parser) block(ends ...string) ([]statement, string, error) {
	if err := p.expectBlockEnd(); err != nil {
		return nil, "", err
	}
	return p.statements(ends...)
}

func (p *parser) statement() (statement, error) {
	line := p.current().line
	name, err := p.expectName()
	if err != nil {
		return nil, err
	}
	switch name {
	case "if":
		return p.ifStatement(line)
	case "for":
		return p.forStatement(line)
	case "set":
		return p.setStatement(line)
	case "macro":
		return p.macroStatement()
	case "generation":
		// transformers marks the assistant's text with it; it renders its body.
		body, _, err := p.isolatedBlock("endgeneration")
		return &generationBlock{body: body}, err
	case "break", "continue":
		if p.loopDepth == 0 {
			return nil, fmt.Errorf("line %d: '%s' outside a loop", line, name)
		}
		if name == "break" {
			return jump(breakLoop), nil
		}
		return jump(continueLoop), nil
	default:
		return nil, fmt.Errorf("line %d: the statement '%s' is not supported; supported: if, for, set, macro, break, continue, generation", line, name)
	}
}

// isolatedBlock reads a body that break and continue cannot leave.
func (p *parser) isolatedBlock(end string) ([]statement, string, error) {
	outer := p.loopDepth
	p.loopDepth = 0
	defer func() { p.loopDepth = outer }()
	return p.block(end)
}

func (p *parser) ifStatement(line int) (statement, error) {
	result := &ifBlock{line: line}
	for {
		condition, err := p.tuple(tupleRules{})
		if err != nil {
			return nil, err
		}
		body, end, err := p.block("elif", "else", "endif")
		if err != nil {
			return nil, err
		}
		result.branches = append(result.branches, branch{condition: condition, body: body})
		switch end {
		case "else":
			result.otherwise, _, err = p.block("endif")
			return result, err
		case "endif":
			return result, nil
		}
	}
}

func (p *parser) forStatement(line int) (statement, error) {
	result := &forLoop{line: line}
	var err error
	if result.targets, result.unpack, err = p.targets("in"); err != nil {
		return nil, err
	}
	if !p.skipName("in") {
		return nil, p.errorf("expected 'in', got %s", p.current().describe())
	}
	if result.iterable, err = p.tuple(tupleRules{end: "recursive"}); err != nil {
		return nil, err
	}
	if p.skipName("if") {
		if result.filter, err = p.expression(true); err != nil {
			return nil, err
		}
	}
	if p.isName("recursive") {
		return nil, p.errorf("recursive loops are not supported")
	}
	p.loopDepth++
	body, end, err := p.block("endfor", "else")
	p.loopDepth--
	if err != nil {
		return nil, err
	}
	result.body = body
	if end == "else" {
		result.otherwise, _, err = p.block("endfor")
	}
	return result, err
}
