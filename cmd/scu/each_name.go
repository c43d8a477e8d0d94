package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/shannon-labs/scu/protocol"
)

// callsAtOnce is how many calls a verb has in progress: as many as the daemon takes from one connection.
const callsAtOnce = 16

// answer is what became of one of the names that a verb was given. With --json a verb that takes several names prints an
// array of these, in the order of the names.
type answer[Result any] struct {
	Name   string          `json:"name"` // as it was given
	Result *Result         `json:"result,omitempty"`
	Error  *protocol.Error `json:"error,omitempty"`
}

// eachInTurn does one thing for every name, one after the other where their order counts, and goes on after a failure. It
// tells a person what came of each, or prints all answers as JSON.
func eachInTurn[Result any](ctx context.Context, c *console, names []string, do func(string) (*Result, error), tell func(*Result)) error {
	answers := make([]answer[Result], len(names))
	for n, name := range names {
		answers[n] = answerOf(ctx, name, do)
	}
	return printAnswers(c, answers, tell)
}

// eachAtOnce does the same for all names at the same time, where each may take a while.
func eachAtOnce[Result any](ctx context.Context, c *console, names []string, do func(string) (*Result, error), tell func(*Result)) error {
	answers := make([]answer[Result], len(names))
	places := make(chan struct{}, callsAtOnce)
	var all sync.WaitGroup
	for n, name := range names {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			answers[n] = answerOf(ctx, name, do)
		})
	}
	all.Wait()
	return printAnswers(c, answers, tell)
}

func answerOf[Result any](ctx context.Context, name string, do func(string) (*Result, error)) answer[Result] {
	result, err := do(name)
	if err == nil {
		return answer[Result]{Name: name, Result: result}
	}
	return answer[Result]{Name: name, Error: describe(interrupted(ctx, err))}
}

// printAnswers returns the one failure, if there is one. Of several it prints each and returns how many there were.
func printAnswers[Result any](c *console, answers []answer[Result], tell func(*Result)) error {
	var failures []*protocol.Error
	for _, a := range answers {
		switch {
		case a.Error != nil:
			failures = append(failures, a.Error)
		case !c.json:
			tell(a.Result)
		}
	}
	if c.json {
		if err := c.printJSON(answers); err != nil {
			return err
		}
	}
	if len(failures) == 0 {
		return nil
	}
	if len(answers) == 1 {
		return asPrinted(failures[0])
	}
	code := failures[0].Code
	for _, failure := range failures {
		c.complain(failure)
		if failure.Code != code {
			code = protocol.CodeInternal
		}
	}
	return asPrinted(&protocol.Error{Code: code, Message: fmt.Sprintf("%d of %d failed", len(failures), len(answers))})
}
