package jinja

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// compare is one link of a comparison chain. The order of strings is that of
// their code points, which for UTF-8 is the order of their bytes.
func compare(operator string, a, b value) (bool, error) {
	switch operator {
	case "==":
		return equal(a, b)
	case "!=":
		same, err := equal(a, b)
		return !same, err
	case "in":
		return contains(b, a)
	case "not in":
		found, err := contains(b, a)
		return !found, err
	}
	order, err := order(operator, a, b)
	if err != nil {
		return false, err
	}
	switch operator {
	case "<":
		return order < 0, nil
	case "<=":
		return order <= 0, nil
	case ">":
		return order > 0, nil
	default:
		return order >= 0, nil
	}
}

func order(operator string, a, b value) (int, error) {
	if x, ok := integer(a); ok {
		if y, ok := integer(b); ok {
			return cmp.Compare(x, y), nil
		}
	}
	if x, ok := number(a); ok {
		if y, ok := number(b); ok {
			return cmp.Compare(x, y), nil
		}
	}
	if x, ok := a.(string); ok {
		if y, ok := b.(string); ok {
			return cmp.Compare(x, y), nil
		}
	}
	return 0, operandError(operator, a, b)
}

func operandError(operator string, a, b value) error {
	for _, v := range []value{a, b} {
		if u, ok := v.(undefined); ok {
			return u.err()
		}
	}
	return fmt.Errorf("'%s' does not apply to %s and %s", operator, typeName(a), typeName(b))
}

// calculate is a binary operator on two values, with Python's rules: "+" joins
// strings and lists and never converts, "//" and "%" round towards minus
// infinity, "/" gives a float, and "~" joins the text of anything.
func calculate(operator string, a, b value) (value, error) {
	if operator == "~" {
		return concatenate(a, b)
	}
	if x, ok := integer(a); ok {
		if y, ok := integer(b); ok {
			return calculateIntegers(operator, x, y)
		}
	}
	if x, ok := number(a); ok {
		if y, ok := number(b); ok {
			return calculateFloats(operator, x, y)
		}
	}
	switch operator {
	case "+":
		return join(a, b)
	case "*":
		return repeat(a, b)
	}
	return nil, operandError(operator, a, b)
}

func concatenate(a, b value) (value, error) {
	left, err := text(a)
	if err != nil {
		return nil, err
	}
	right, err := text(b)
	if err != nil {
		return nil, err
	}
	return joinTexts("'~'", []string{left, right}, "")
}

// joinTexts joins strings unless the result is longer than maximumText: a few
// loops could otherwise double a text until memory is exhausted. what is doing it.
func joinTexts(what string, parts []string, separator string) (value, error) {
	size := len(separator) * max(len(parts)-1, 0)
	for _, part := range parts {
		size += len(part)
	}
	if size > maximumText {
		return nil, fmt.Errorf("%s makes a string of more than %d bytes", what, maximumText)
	}
	return strings.Join(parts, separator), nil
}

// joinItems is joinTexts for lists and tuples.
func joinItems[S ~[]any](a, b S) (value, error) {
	if len(a)+len(b) > maximumItems {
		return nil, fmt.Errorf("'+' makes a list of more than %d items", maximumItems)
	}
	return slices.Concat(a, b), nil
}

func join(a, b value) (value, error) {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return joinTexts("'+'", []string{x, y}, "")
		}
	case []any:
		if y, ok := b.([]any); ok {
			return joinItems(x, y)
		}
	case tuple:
		if y, ok := b.(tuple); ok {
			return joinItems(x, y)
		}
	}
	return nil, operandError("+", a, b)
}

func repeat(a, b value) (value, error) {
	content, isText := a.(string)
	count, isCount := integer(b)
	if !isText || !isCount {
		content, isText = b.(string)
		count, isCount = integer(a)
	}
	if !isText || !isCount {
		return nil, operandError("*", a, b)
	}
	if count > 0 && len(content) > maximumText/count {
		return nil, fmt.Errorf("'*' makes a string of more than %d bytes", maximumText)
	}
	return strings.Repeat(content, max(count, 0)), nil
}

var errOverflow = errors.New("an integer is too large")
var errZero = errors.New("division by zero")

func calculateIntegers(operator string, x, y int) (value, error) {
	switch operator {
	case "+":
		if sum := x + y; (sum > x) == (y > 0) {
			return sum, nil
		}
		return nil, errOverflow
	case "-":
		if difference := x - y; (difference < x) == (y > 0) {
			return difference, nil
		}
		return nil, errOverflow
	case "*":
		product := x * y
		if x != 0 && (product/x != y || x == -1 && y == math.MinInt) {
			return nil, errOverflow
		}
		return product, nil
	case "**":
		return integerPower(x, y)
	}
	if y == 0 {
		return nil, errZero
	}
	quotient, remainder := x/y, x%y
	if remainder != 0 && (remainder < 0) != (y < 0) {
		quotient, remainder = quotient-1, remainder+y
	}
	switch operator {
	case "//":
		return quotient, nil
	case "%":
		return remainder, nil
	default:
		return float64(x) / float64(y), nil
	}
}

func integerPower(x, y int) (value, error) {
	if y < 0 || y > 64 {
		return nil, fmt.Errorf("the exponent %d is not supported: use 0 to 64", y)
	}
	var result value = 1
	for range y {
		next, err := calculateIntegers("*", result.(int), x)
		if err != nil {
			return nil, err
		}
		result = next
	}
	return result, nil
}

func calculateFloats(operator string, x, y float64) (value, error) {
	switch operator {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return x * y, nil
	case "/":
		if y == 0 {
			return nil, errZero
		}
		return x / y, nil
	default:
		return nil, fmt.Errorf("'%s' on floats is not supported", operator)
	}
}
