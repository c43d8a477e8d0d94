package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/shannon-labs/scu/protocol"
)

// The test binary is also the daemon that the tests of starting start, when its first argument says so.
const (
	roleServe = "serve-for-test"
	roleFail  = "fail-for-test"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case roleServe:
			os.Exit(serveForTest())
		case roleFail:
			fmt.Fprintln(os.Stderr, "first line\nthe disk is on fire")
			os.Exit(3)
		}
	}
	goleak.VerifyTestMain(m)
}

// serveForTest is a whole daemon with two methods.
func serveForTest() int {
	home, err := Home()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	listener, err := Listen(home)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = listener.Close() }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	handler := newTestHandler(func(_ context.Context, _ *Session, method string, _ json.RawMessage) (any, error) {
		switch method {
		case protocol.MethodDaemonStatus:
			return protocol.StatusResult{PID: os.Getpid(), Home: home, Socket: listener.Path()}, nil
		case protocol.MethodDaemonShutdown:
			cancel()
			return protocol.ShutdownResult{}, nil
		}
		return nil, ErrMethodNotFound
	})
	if err := (&Server{Handler: handler}).Serve(ctx, listener); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
