package rpc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// testStart starts this test binary in a role.
func testStart(t *testing.T, home, role string) func(context.Context, string) error {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return StartDetached(executable, []string{role}, filepath.Join(home, "logs", "daemon.log"))
}

// awaitFreeHome returns when no daemon holds the home any more.
func awaitFreeHome(t *testing.T, home string) {
	t.Helper()
	for deadline := time.Now().Add(patience); lockHeld(home); pause(context.Background(), lockPause) {
		if time.Now().After(deadline) {
			t.Fatal("the daemon does not end")
		}
	}
}

func TestTenClientsStartOneDaemon(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	start := testStart(t, home, roleServe)
	var starts atomic.Int32
	options := Options{Home: home, StartTimeout: patience, Start: func(ctx context.Context, home string) error {
		starts.Add(1)
		return start(ctx, home)
	}}
	var clients sync.WaitGroup
	pids := make(chan int, 10)
	for range cap(pids) {
		clients.Go(func() {
			client, err := Connect(context.Background(), options)
			if err != nil {
				t.Errorf("Connect: %v", err)
				return
			}
			defer func() { _ = client.Close() }()
			status, err := client.DaemonStatus(context.Background())
			if err != nil {
				t.Errorf("DaemonStatus: %v", err)
				return
			}
			pids <- status.PID
		})
	}
	clients.Wait()
	close(pids)
	if starts.Load() != 1 {
		t.Errorf("the daemon was started %d times", starts.Load())
	}
	first := <-pids
	for pid := range pids {
		if pid != first || pid == os.Getpid() {
			t.Errorf("a client reached the daemon with pid %d and another %d", first, pid)
		}
	}

	// Once it runs, nobody starts another one.
	options.Start = func(context.Context, string) error { return errors.New("started a second one") }
	client, err := Connect(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Shutdown(context.Background(), "now"); err != nil {
		t.Errorf("Shutdown was not answered: %v", err)
	}
	_ = client.Close()
	awaitFreeHome(t, home)
}

// A client that comes while the last daemon is going down gets the next one.
func TestConnectAfterADaemonThatEnds(t *testing.T) {
	t.Parallel()
	listener, err := Listen(shortHome(t))
	if err != nil {
		t.Fatal(err)
	}
	home := listener.home
	if err := listener.closeSocket(); err != nil { // it serves no more, and still holds the home
		t.Fatal(err)
	}
	looked := make(chan struct{})
	start := testStart(t, home, roleServe)
	connected := make(chan error, 1)
	go func() {
		close(looked)
		client, err := Connect(context.Background(), Options{Home: home, Start: start, StartTimeout: patience})
		if err == nil {
			_, err = client.Shutdown(context.Background(), "now")
			_ = client.Close()
		}
		connected <- err
	}()
	<-looked
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, connected, "the connection"); err != nil {
		t.Error(err)
	}
	awaitFreeHome(t, home)
}

func TestStartOfADaemonThatDies(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	log := filepath.Join(home, "logs", "daemon.log")
	if err := os.MkdirAll(filepath.Dir(log), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, []byte("an older run\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Connect(context.Background(), Options{Home: home, Start: testStart(t, home, roleFail), StartTimeout: patience})
	if err == nil {
		t.Fatal("connected to a daemon that died")
	}
	for _, want := range []string{"exit status 3", "the disk is on fire", log} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error %q lacks %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "an older run") {
		t.Errorf("the error %q quotes another run", err)
	}
	if text, readErr := os.ReadFile(log); readErr != nil || !strings.HasPrefix(string(text), "an older run\n") {
		t.Errorf("the log was not appended to: %q, %v", text, readErr)
	}
}

func TestConnectFailures(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	ctx := context.Background()
	if _, err := Connect(ctx, Options{Home: home}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("without Start: %v, want ErrNotRunning", err)
	}
	missing := StartDetached("/no/such/program", nil, filepath.Join(home, "log"))
	if _, err := Connect(ctx, Options{Home: home, Start: missing}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing program gave %v", err)
	}
	starts := 0
	idle := func(context.Context, string) error { starts++; return nil }
	_, err := Connect(ctx, Options{Home: home, Start: idle, StartTimeout: 200 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "did not answer within 200ms") {
		t.Errorf("a daemon that never comes gave %v", err)
	}
	if starts != 1 {
		t.Errorf("Start was called %d times", starts)
	}
}

// A process that lives and does not listen is waited for no longer than the context allows.
func TestStartOfADaemonThatHangs(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	start := StartDetached("/bin/sh", []string{"-c", "echo still loading; sleep 0.5"}, filepath.Join(home, "log"))
	if err := start(ctx, home); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// Of daemons that race for a home one lives, and the others say why they do not.
func TestRacingDaemons(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const racers = 4
	type end struct {
		output string
		err    error
	}
	ends := make(chan end, racers)
	for range racers {
		go func() {
			daemon := exec.Command(executable, roleServe)
			daemon.Env = append(os.Environ(), homeVariable+"="+home)
			output, err := daemon.CombinedOutput()
			ends <- end{string(output), err}
		}()
	}
	for range racers - 1 {
		if loser := receive(t, ends, "the end of a daemon that lost"); loser.err == nil || !strings.Contains(loser.output, "already serves "+home) {
			t.Errorf("a daemon that lost ended with %v: %s", loser.err, loser.output)
		}
	}
	var client *Client
	for deadline := time.Now().Add(patience); client == nil; pause(context.Background(), lockPause) {
		client, err = Connect(context.Background(), Options{Home: home})
		if err != nil && (!errors.Is(err, ErrNotRunning) || time.Now().After(deadline)) {
			t.Fatal(err)
		}
	}
	if _, err := client.Shutdown(context.Background(), "now"); err != nil {
		t.Error(err)
	}
	_ = client.Close()
	if winner := receive(t, ends, "the end of the daemon that won"); winner.err != nil {
		t.Errorf("the daemon that won ended with %v: %s", winner.err, winner.output)
	}
}

// A start that loses against another daemon, which may not listen yet, is a success.
func TestStartBesideAnotherDaemon(t *testing.T) {
	t.Parallel()
	listener, err := Listen(shortHome(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if err := listener.closeSocket(); err != nil {
		t.Fatal(err)
	}
	if err := testStart(t, listener.home, roleServe)(context.Background(), listener.home); err != nil {
		t.Errorf("got %v", err)
	}
}

// A daemon that accepts and never answers is given up.
func TestConnectToADaemonThatHangs(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	hanging, err := Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hanging.Close() }()
	_, err = Connect(context.Background(), Options{Home: home, StartTimeout: 50 * time.Millisecond})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "did not answer within 50ms") {
		t.Errorf("got %v", err)
	}
}

// A daemon that rotates its log when it starts writes its reason into a file that is shorter than the one before.
func TestLogTailOfANewFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortHome(t), "log")
	if err := os.WriteFile(path, []byte("the reason\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for begin, want := range map[int64]string{0: "the reason", 4: "reason", 11: "it wrote nothing", 4000: "the reason"} {
		if got := (logPart{path: path, begin: begin}).tail(); !strings.Contains(got, want) {
			t.Errorf("from byte %d on it is %q, want %q", begin, got, want)
		}
	}
}
