package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// patience is how long a test waits for what must happen. It is only ever used up by a failure.
const patience = 3 * time.Minute

// roleVariable makes the test binary another program: scu itself, a daemon whose workers only pretend to train, one that
// takes a killed worker for one that had no memory, or a program that takes memory.
const roleVariable = "SCU_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "scu":
		main()
	case "daemon":
		if err := pretendingDaemon(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case "believing daemon":
		if err := believingDaemon(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case "hog":
		hog()
	}
	os.Exit(m.Run())
}

// outcomeOf is what one command line did.
type outcomeOf struct {
	stdout, stderr string
	exit           int
}

// command is a scu process that has not been started.
func command(t *testing.T, home string, arguments ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience) // clean-ups run commands too
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, os.Args[0], arguments...)
	c.Env = append(os.Environ(), roleVariable+"=scu", "SCU_HOME="+home, "GORACE=atexit_sleep_ms=0")
	return c
}

// scu runs one command line to its end.
func scu(t *testing.T, home string, arguments ...string) outcomeOf {
	t.Helper()
	c := command(t, home, arguments...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run scu %v: %v", arguments, err)
	}
	return outcomeOf{stdout.String(), stderr.String(), c.ProcessState.ExitCode()}
}

// expect fails the test unless the exit status is as wanted and standard error holds the text.
func (o outcomeOf) expect(t *testing.T, exit int, stderr string) outcomeOf {
	t.Helper()
	if o.exit != exit || !strings.Contains(o.stderr, stderr) {
		t.Fatalf("exit status %d, want %d with %q\nstdout: %s\nstderr: %s", o.exit, exit, stderr, o.stdout, o.stderr)
	}
	return o
}

// decode reads standard output as JSON.
func decode[T any](t *testing.T, o outcomeOf) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(o.stdout), &value); err != nil {
		t.Fatalf("standard output is not the JSON wanted: %v\n%s", err, o.stdout)
	}
	return value
}

// newHome is a home whose path leaves room for the socket's name.
func newHome(t *testing.T) string {
	t.Helper()
	home, err := os.MkdirTemp("", "scu")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	return home
}

// startDaemon runs a daemon in a process of its own whose workers pretend, and returns its home and how to kill it. Its
// environment may hold settings.
func startDaemon(t *testing.T, environment ...string) (home string, kill func()) {
	t.Helper()
	home = newHome(t)
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), roleVariable+"=daemon", "SCU_HOME="+home, "GORACE=atexit_sleep_ms=0")
	c.Env = append(c.Env, environment...)
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = c.Wait()
		close(ended)
	}()
	signal := func(s syscall.Signal) {
		_ = c.Process.Signal(s) // it may have ended
		<-ended
	}
	t.Cleanup(func() { signal(syscall.SIGTERM) })
	connectTo(t, home)
	return home, func() { signal(syscall.SIGKILL) }
}

// connectTo waits until a daemon answers in a home.
func connectTo(t *testing.T, home string) *rpc.Client {
	t.Helper()
	client, err := rpc.Connect(t.Context(), rpc.Options{
		Home: home, Client: protocol.ClientInfo{Name: "a test"}, StartTimeout: patience,
		Start: func(context.Context, string) error { return nil }, // it is started already
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}
