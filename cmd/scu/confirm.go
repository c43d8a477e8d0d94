package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/shannon-labs/scu/protocol"
	"golang.org/x/term"
)

// codeDeclined is of an error on the command line: a person was asked and did not say yes.
const codeDeclined protocol.ErrorCode = "declined"

// confirm asks a question where a person sits at a terminal, and returns an error unless the answer is yes. A program is not
// asked.
func (c *console) confirm(ctx context.Context, question string) error {
	input, ok := c.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(input.Fd())) || c.terminal == nil {
		return nil
	}
	fmt.Fprintf(c.stderr, "%s [y/N] ", question)
	answers := make(chan string, 1)
	go func() { // a read of a terminal cannot be called off; it ends with the process
		line, _ := bufio.NewReader(input).ReadString('\n')
		answers <- line
	}()
	select {
	case <-ctx.Done():
		c.note("")
		return ctx.Err()
	case answer := <-answers:
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "y", "yes":
			return nil
		}
		return protocol.NewError(codeDeclined, "nothing was done, since the answer was not yes")
	}
}
