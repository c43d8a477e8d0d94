package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// The exit statuses.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// The codes of errors that arise on the command line and never on the wire.
const (
	codeUsage            protocol.ErrorCode = "usage"
	codeDaemonNotRunning protocol.ErrorCode = "daemon_not_running"
)

// usageError says that a verb was called wrongly.
type usageError struct{ message string }

// Error is the message.
func (e *usageError) Error() string { return e.message }

func usageErrorf(format string, arguments ...any) error {
	return &usageError{message: fmt.Sprintf(format, arguments...)}
}

// printedError is an error about a thing that is on standard output already.
type printedError struct{ error }

// Unwrap is the error itself.
func (e *printedError) Unwrap() error { return e.error }

// report prints what went wrong, if anything, and returns the exit status.
func (c *console) report(ctx context.Context, err error, arguments []string) int {
	if err == nil {
		return exitOK
	}
	told := describe(interrupted(ctx, err))
	c.complain(told)
	// When the flags could not be parsed, c.json says nothing.
	asked := c.json || slices.Contains(arguments, "--json")
	var printed *printedError
	if asked && !errors.As(err, &printed) {
		_ = json.NewEncoder(c.stdout).Encode(map[string]*protocol.Error{"error": told})
	}
	switch told.Code {
	case codeUsage:
		return exitUsage
	case protocol.CodeCancelled:
		return exitInterrupted
	}
	return exitFailed
}

// interrupted says so where an interrupt has ended the call under way, whose own words do not matter then.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && describe(err).Code == protocol.CodeInternal && !errors.Is(err, rpc.ErrDisconnected) {
		return protocol.NewError(protocol.CodeCancelled, "interrupted")
	}
	return err
}

// complain prints an error for a person.
func (c *console) complain(told *protocol.Error) {
	fmt.Fprintf(c.stderr, "%s %s\n", c.paint(red, "scu:"), told.Message)
	if told.Hint != "" {
		fmt.Fprintf(c.stderr, "  %s %s\n", c.paint(bold, "hint:"), told.Hint)
	}
}

// describe turns any error into what a person is told.
func describe(err error) *protocol.Error {
	var usage *usageError
	if errors.As(err, &usage) {
		return protocol.NewError(codeUsage, "%s", usage.message).WithHint("scu help, or scu VERB --help, shows how it is called")
	}
	var told *protocol.Error
	if !errors.As(err, &told) {
		return protocol.NewError(protocol.CodeInternal, "%s", err.Error())
	}
	// Keep what was wrapped around the message, but not the hint a second time.
	whole := *told
	whole.Message = strings.Replace(err.Error(), told.Error(), told.Message, 1)
	return &whole
}

// printJSON writes one value to standard output.
func (c *console) printJSON(value any) error {
	encoder := json.NewEncoder(c.stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("write to standard output: %w", err)
	}
	return nil
}

// note writes a line for a person to standard error.
func (c *console) note(format string, arguments ...any) {
	fmt.Fprintf(c.stderr, format+"\n", arguments...)
}

// The colours in use, as ANSI escape sequences.
const (
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

// paint colours text for standard error, where that may be coloured.
func (c *console) paint(color, text string) string {
	if !c.color {
		return text
	}
	return color + text + plain
}
