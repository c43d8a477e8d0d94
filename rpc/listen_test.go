package rpc

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestListenModeAndLock(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	first, err := Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(first.Path())
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("the socket has mode %v, want 0600", info.Mode())
	}
	_, err = Listen(home)
	var running *AlreadyRunningError
	if !errors.As(err, &running) || running.PID != os.Getpid() || running.Home != home {
		t.Errorf("a second daemon got %v, want AlreadyRunningError with pid %d", err, os.Getpid())
	}
	if !lockHeld(home) {
		t.Error("the lock of a living daemon looks free")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(first.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there after Close: %v", err)
	}
	if lockHeld(home) {
		t.Error("the lock is held after Close")
	}
	again, err := Listen(home)
	if err != nil {
		t.Fatalf("listen after Close: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// The umask is the process's, so this test runs alone.
func TestSocketModeIgnoresUmask(t *testing.T) {
	old := unix.Umask(0)
	defer unix.Umask(old)
	listener, err := Listen(shortHome(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if info, err := os.Stat(listener.Path()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("with umask 0 the socket has mode %v, %v", info.Mode(), err)
	}
}

func TestListenInPlaceOfADeadDaemon(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	path := SocketPath(home)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lockPath(home), []byte("999999\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Connect(context.Background(), Options{Home: home}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a client of a stale socket got %v, want ErrNotRunning", err)
	}
	listener, err := Listen(home)
	if err != nil {
		t.Fatalf("a stale socket kept the daemon away: %v", err)
	}
	defer func() { _ = listener.Close() }()
	if pid := readPID(listener.lock); pid != os.Getpid() {
		t.Errorf("the lock names pid %d, want %d", pid, os.Getpid())
	}
}

func TestListenRefusals(t *testing.T) {
	t.Parallel()
	occupied := shortHome(t)
	if err := os.WriteFile(SocketPath(occupied), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := shortHome(t)
	other, err := net.Listen("unix", SocketPath(foreign))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	for name, test := range map[string]struct{ home, want string }{
		"a file in the way":          {occupied, "is not a socket"},
		"a daemon with another lock": {foreign, "a daemon of another home listens"},
		"a home that is a file":      {SocketPath(occupied), "is not a directory"},
	} {
		if _, err := Listen(test.home); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		if lockHeld(test.home) {
			t.Errorf("%s: the lock stays held after a failure", name)
		}
	}
	if text, err := os.ReadFile(SocketPath(occupied)); err != nil || string(text) != "precious" {
		t.Errorf("the file in the way became %q, %v", text, err)
	}
}

func TestListenWithLongHome(t *testing.T) {
	base := shortHome(t)
	t.Setenv("TMPDIR", base)
	home := filepath.Join(base, strings.Repeat("long", 30))
	listener, err := Listen(home)
	if err != nil {
		t.Fatal(err)
	}
	server := serveOn(t, listener, &Server{}, echo)
	if !strings.HasPrefix(listener.Path(), base+"/scu-") {
		t.Errorf("the socket is at %s", listener.Path())
	}
	if info, err := os.Stat(filepath.Dir(listener.Path())); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the socket's directory: %v, %v; want 0700", info, err)
	}
	server.connect(t)
}

func TestListenBehindLinkedHome(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	link := filepath.Join(shortHome(t), "link")
	if err := os.Symlink(home, link); err != nil {
		t.Fatal(err)
	}
	listener, err := Listen(link)
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
}
