package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/shannon-labs/scu/protocol"
)

// handDown opens a listening socket at path as a service manager would, and returns its descriptor.
func handDown(t *testing.T, path string) *os.File {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	defer func() { _ = listener.Close() }()
	file, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// reused is a second descriptor of what a file refers to, for who closes the first.
func reused(t *testing.T, file *os.File) *os.File {
	t.Helper()
	raw, err := file.SyscallConn() // Fd would make the socket block
	if err != nil {
		t.Fatal(err)
	}
	var descriptor int
	controlErr := raw.Control(func(fd uintptr) { descriptor, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err := errors.Join(controlErr, err); err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(descriptor), file.Name())
}

// One daemon after another serves on the socket, which is there before, between and after them.
func TestInheritedSocket(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	kept := handDown(t, SocketPath(home))
	defer func() { _ = kept.Close() }()
	if err := os.Chmod(SocketPath(home), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, daemon := range []string{"first", "second"} {
		t.Run(daemon, func(t *testing.T) {
			listener, err := listen(home, []*os.File{reused(t, kept)})
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(listener.Path()); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the socket is %v, %v; want mode 0600", info, err)
			}
			client := serveOn(t, listener, &Server{}, echo).connect(t)
			if err := client.Call(context.Background(), "echo", nil, nil); err != nil {
				t.Error(err)
			}
			var running *AlreadyRunningError
			if _, err := listen(home, []*os.File{reused(t, kept)}); !errors.As(err, &running) {
				t.Errorf("a second daemon on the same socket got %v, want AlreadyRunningError", err)
			}
		})
		if conn, err := net.Dial("unix", SocketPath(home)); err != nil {
			t.Errorf("after the daemon's end nobody listens: %v", err)
		} else {
			_ = conn.Close()
		}
	}
	if _, err := Connect(context.Background(), Options{Home: home}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a client that starts no daemon got %v, want ErrNotRunning: dialling would start one", err)
	}
}

func TestInheritedRefusals(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	elsewhere := filepath.Join(shortHome(t), "other.sock")
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	connected := os.NewFile(uintptr(pair[0]), "connected")
	defer func() { _ = unix.Close(pair[1]) }()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tcp.Close() }()
	tcpFile, err := tcp.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	ordinary, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	removed := handDown(t, SocketPath(home))
	if err := os.Remove(SocketPath(home)); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		files []*os.File
		want  string
	}{
		"another place":            {[]*os.File{handDown(t, elsewhere)}, "ListenStream=" + SocketPath(home)},
		"a connection":             {[]*os.File{connected}, "not a listening Unix socket"},
		"a TCP socket":             {[]*os.File{tcpFile}, "not a listening Unix socket"},
		"no socket":                {[]*os.File{ordinary}, "on non-socket"},
		"a socket that is removed": {[]*os.File{removed}, "look for it at"},
		"two sockets":              {[]*os.File{reused(t, ordinary), reused(t, ordinary)}, "handed down 2 sockets"},
	} {
		if _, err := listen(home, test.files); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
		if lockHeld(home) {
			t.Errorf("%s: the lock stays held after a failure", name)
		}
		for _, file := range test.files {
			if err := file.Close(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("%s: a descriptor stays open after a failure", name)
			}
		}
	}
}

// serveByHand is a daemon process whose socket was handed down as the protocol of systemd has it: descriptor 3, and the
// process's own number in LISTEN_PID, which only a shell between can set.
func serveByHand(t *testing.T, home string, socket *os.File) *exec.Cmd {
	t.Helper()
	command := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$1"`, os.Args[0], roleServe)
	command.Env = append(os.Environ(), homeVariable+"="+home, "LISTEN_FDS=1", "LISTEN_FDNAMES=scu.socket")
	command.ExtraFiles = []*os.File{socket}
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return command
}

func TestSocketFromDescriptor(t *testing.T) {
	t.Parallel()
	home := shortHome(t)
	socket := handDown(t, SocketPath(home))
	defer func() { _ = socket.Close() }()
	command := serveByHand(t, home, socket)
	stopActivated(t, home, command.Process.Pid)
	if err := command.Wait(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
	if _, err := os.Lstat(SocketPath(home)); err != nil {
		t.Errorf("the daemon has removed a socket that is not its own: %v", err)
	}
}

// TestSocketActivation lets systemd's own tool listen and start the daemon at the first connection.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		t.Skip("systemd-socket-activate is not installed; TestSocketFromDescriptor does the same by hand:", err)
	}
	home := shortHome(t)
	command := exec.Command(tool, "--listen="+SocketPath(home), "--setenv="+homeVariable, "--setenv=TMPDIR", os.Args[0], roleServe)
	command.Env = append(os.Environ(), homeVariable+"="+home, "TMPDIR="+os.TempDir())
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	defer func() {
		if !ended {
			_ = command.Process.Signal(syscall.SIGKILL)
			_ = command.Wait()
		}
	}()
	stopActivated(t, home, command.Process.Pid) // the tool becomes the daemon
	if err := command.Wait(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
	ended = true
}

// stopActivated calls the daemon that the connection starts, which must be the process pid, and tells it to end.
func stopActivated(t *testing.T, home string, pid int) {
	t.Helper()
	client, err := Connect(t.Context(), Options{Home: home, StartTimeout: patience, Start: func(context.Context, string) error {
		return nil // the socket may not be there yet; whoever opens it starts the daemon
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	status, err := client.DaemonStatus(t.Context())
	if err != nil || status.PID != pid {
		t.Errorf("the daemon is %+v, %v; want process %d", status, err, pid)
	}
	if err := client.Call(t.Context(), protocol.MethodDaemonShutdown, nil, nil); err != nil {
		t.Error(fmt.Errorf("stop: %w", err))
	}
}
