package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A probe of the lock by a client holds it for some microseconds, so a daemon that finds the lock taken looks again a
// few times before it believes that another daemon has it.
const (
	lockAttempts = 6
	lockPause    = 20 * time.Millisecond
)

// AlreadyRunningError says that another daemon holds the home.
type AlreadyRunningError struct {
	Home string
	PID  int // 0 when the other daemon has not written it yet
}

func (e *AlreadyRunningError) Error() string {
	who := "another daemon"
	if e.PID != 0 {
		who = fmt.Sprintf("another daemon (pid %d)", e.PID)
	}
	return fmt.Sprintf("%s already serves %s: use it, or stop it with `scu daemon stop`", who, e.Home)
}

// Listener is a daemon's place: the lock of its home and the socket. Only the holder of the lock touches the socket's
// path, so a socket found there was left by a daemon that died.
type Listener struct {
	home   string
	uid    int // whose connections are accepted
	lock   *os.File
	socket *net.UnixListener

	closeSocket func() error // closes and unlinks the socket, once
}

// Listen takes the home for this process and opens its socket. The lock, on daemon.lock in the home, is held until
// [Listener.Close] or the process's end, whatever that is; a second daemon gets an *[AlreadyRunningError]. The socket
// has mode 0600 from its first moment. One that a service manager has opened and handed down is taken instead (systemd's
// socket activation), and stays when the listener is closed.
func Listen(home string) (*Listener, error) {
	return listen(home, inheritedFiles())
}

func listen(home string, inherited []*os.File) (*Listener, error) {
	defer func() {
		for _, file := range inherited {
			_ = file.Close() // the listener has a descriptor of its own
		}
	}()
	if err := EnsureHome(home); err != nil {
		return nil, err
	}
	lock, err := takeLock(home)
	if err != nil {
		return nil, err
	}
	var socket *net.UnixListener
	if len(inherited) > 0 {
		socket, err = inheritSocket(home, inherited)
	} else {
		socket, err = openSocket(home)
	}
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	return &Listener{
		home: home, uid: os.Geteuid(), lock: lock, socket: socket,
		closeSocket: sync.OnceValue(socket.Close),
	}, nil
}

// Path returns the path of the socket.
func (l *Listener) Path() string { return SocketPath(l.home) }

// Close removes the socket, unless a service manager handed it down, and gives up the lock, in this order, so that the
// next daemon never meets this one's socket.
// The lock's file stays: removing it would let two daemons lock two files of one name.
func (l *Listener) Close() error {
	return errors.Join(l.closeSocket(), l.lock.Close())
}

func lockPath(home string) string { return filepath.Join(home, "daemon.lock") }

func takeLock(home string) (*os.File, error) {
	lock, err := os.OpenFile(lockPath(home), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the daemon's lock: %w", err)
	}
	if err := lockExclusively(lock, home); err != nil {
		_ = lock.Close()
		return nil, err
	}
	if err := writePID(lock); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("write the process id into %s: %w", lock.Name(), err)
	}
	return lock, nil
}

func lockExclusively(lock *os.File, home string) error {
	for attempt := 1; ; attempt++ {
		err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
		case !errors.Is(err, unix.EWOULDBLOCK):
			return fmt.Errorf("lock %s: %w", lock.Name(), err)
		case attempt == lockAttempts:
			return &AlreadyRunningError{Home: home, PID: readPID(lock)}
		default:
			time.Sleep(lockPause)
		}
	}
}

func writePID(lock *os.File) error {
	if err := lock.Truncate(0); err != nil {
		return err
	}
	_, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func readPID(lock *os.File) int {
	text, err := io.ReadAll(io.NewSectionReader(lock, 0, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

// lockHeld reports whether a daemon holds the home: one that serves, that is about to, or that is ending.
func lockHeld(home string) bool {
	lock, err := os.Open(lockPath(home))
	if err != nil {
		return false
	}
	defer func() { _ = lock.Close() }()
	return errors.Is(unix.Flock(int(lock.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

func openSocket(home string) (*net.UnixListener, error) {
	path := SocketPath(home)
	if err := checkPrivateDirectory(home, path); err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	// Linux gives a new socket the mode of its descriptor, so there is no moment with a wider one, and the umask, which
	// all goroutines share, stays as it is.
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if controlErr := raw.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) }); controlErr != nil {
			return controlErr
		}
		return err
	}}
	listener, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("open the daemon's socket: %w", err)
	}
	return listener.(*net.UnixListener), nil
}

// removeStale removes the socket of a daemon that died. The caller holds the home's lock; that nobody answers is checked
// all the same, because two homes share a socket when HOME differs and XDG_RUNTIME_DIR does not.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the socket's path: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is in the way of the daemon's socket and is not a socket (%s): move it away", path, info.Mode())
	}
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = conn.Close()
		return fmt.Errorf("a daemon of another home listens on %s, or systemd for one: stop that daemon, or `systemctl --user stop scu.socket`, or set %s to a directory of its own", path, homeVariable)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the socket that a dead daemon left: %w", err)
	}
	return nil
}
