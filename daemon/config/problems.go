package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Error is everything that is wrong with a configuration.
type Error struct {
	Problems []Problem // at least one; those of variables first, then those of the file in its order
}

// Problem is one thing that is wrong.
type Problem struct {
	Place   string `json:"place"`         // such as /home/you/.scu/config.yaml:12, or $SCU_TRAINING_MAX_RETRIES
	Key     string `json:"key,omitempty"` // where it is about one
	Message string `json:"message"`
}

// String is a line for a person.
func (p Problem) String() string {
	if p.Key == "" {
		return p.Place + ": " + p.Message
	}
	return fmt.Sprintf("%s: %s %s", p.Place, p.Key, p.Message)
}

// Error has a line for each problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for n, problem := range e.Problems {
		lines[n] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// place is where a value or a problem comes from: a variable, or a file and perhaps its line; neither is the default.
type place struct {
	variable string // without the dollar sign
	file     string
	line     int
}

func (p place) String() string {
	switch {
	case p.variable != "":
		return "$" + p.variable
	case p.line > 0:
		return fmt.Sprintf("%s:%d", p.file, p.line)
	case p.file != "":
		return p.file
	}
	return "default"
}

// origin is the place for who knows which file it is.
func (p place) origin() string {
	if p.file != "" {
		p.file = filepath.Base(p.file)
	}
	return p.String()
}

// problems collects what is found.
type problems []found

type found struct {
	place   place
	key     string
	message string
}

func (p *problems) add(at place, key, format string, arguments ...any) {
	*p = append(*p, found{at, key, fmt.Sprintf(format, arguments...)})
}

// err is what was found, in an order that does not depend on that in which maps are walked.
func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	slices.SortStableFunc(p, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.place.line, b.place.line), cmp.Compare(a.place.variable, b.place.variable), cmp.Compare(a.key, b.key))
	})
	all := &Error{}
	for _, f := range p {
		all.Problems = append(all.Problems, Problem{Place: f.place.String(), Key: f.key, Message: f.message})
	}
	return all
}

// problemAt is a single problem, of a file as a whole or of one of its lines.
func problemAt(at place, format string, arguments ...any) error {
	var p problems
	p.add(at, "", format, arguments...)
	return p.err()
}
