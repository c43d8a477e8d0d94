// Command scu fine-tunes a causal language model with LoRA under the Shannon Control Unit.
//
// It is the door to the other rooms and holds no logic of its own: each verb is one file that parses flags, calls the
// daemon through rpc (or, for verbs that need none, one other room), and prints. `scu daemon --foreground` and
// `scu worker` are the same executable in its two other roles.
//
// What a verb was asked for goes to standard output: a table or a name, or with --json a JSON value. Everything else,
// such as progress, notes and errors, goes to standard error. An error reads
//
//	scu: what is wrong
//	  hint: what to do next
//
// and with --json there is also {"error": {"code", "message", "hint", "retryable"}} on standard output, unless the verb
// has already printed there the thing that failed, as `train --wait` prints the job. A verb that does something to several
// named jobs does it to each, whatever becomes of the others, and prints with --json an array with a {"name", "result"} or
// {"name", "error"} for each name. The exit status is 0 when the verb did what was asked, 1 when it failed, 2 when it was
// called wrongly, and 130 when it was interrupted or its job was cancelled.
//
// The first interrupt (Ctrl-C) or SIGTERM ends the verb in an orderly way; the second ends the process at once.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(exitInterrupted)
	}()
	c := newConsole(os.Stdin, os.Stdout, os.Stderr)
	os.Exit(run(ctx, c, os.Args[1:]))
}

// console is what the verbs read from and print to.
type console struct {
	stdin    io.Reader
	stdout   io.Writer
	stderr   io.Writer
	terminal *os.File // standard error when it is a terminal, else nil: progress is drawn only there
	color    bool     // whether standard error may be coloured
	json     bool     // --json
}

// newConsole finds out whether standard error is a terminal, and whether it may be coloured (https://no-color.org).
func newConsole(stdin io.Reader, stdout, stderr io.Writer) *console {
	c := &console{stdin: stdin, stdout: stdout, stderr: stderr}
	if file, ok := stderr.(*os.File); ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" {
		c.terminal = file
		c.color = os.Getenv("NO_COLOR") == ""
	}
	return c
}
