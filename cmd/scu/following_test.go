package main

import (
	"bufio"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// following is a command that goes on, whose output a test reads line by line.
type following struct {
	process *exec.Cmd
	lines   *bufio.Scanner
	told    strings.Builder
	ended   chan struct{}
}

// startFollowing starts a command and reads what it prints, on either stream.
func startFollowing(t *testing.T, process *exec.Cmd) *following {
	t.Helper()
	output, write := io.Pipe()
	process.Stdout, process.Stderr = write, write
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	f := &following{process: process, lines: bufio.NewScanner(output), ended: make(chan struct{})}
	go func() {
		_ = process.Wait() // the exit status says it
		_ = write.Close()
		close(f.ended)
	}()
	return f
}

// awaitLine reads on until a line holds the text.
func (f *following) awaitLine(t *testing.T, text string) {
	t.Helper()
	for f.lines.Scan() {
		f.told.WriteString(f.lines.Text() + "\n")
		if strings.Contains(f.lines.Text(), text) {
			return
		}
	}
	t.Fatalf("no line has %q in\n%s", text, f.told.String())
}

// exit reads to the end and returns the exit status.
func (f *following) exit(t *testing.T) int {
	t.Helper()
	for f.lines.Scan() {
		f.told.WriteString(f.lines.Text() + "\n")
	}
	<-f.ended
	return f.process.ProcessState.ExitCode()
}
