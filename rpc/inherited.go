package rpc

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// inheritedFiles are the sockets that a service manager has opened for this process and handed down, as systemd does with
// a socket unit (LISTEN_PID and LISTEN_FDS). They are given once: the variables are removed, so that no worker takes its
// own descriptors for them.
func inheritedFiles() []*os.File { return activation.Files(true) }

// inheritSocket makes the daemon's socket of what was handed down. The socket must be the very one
// that clients of the home dial. It stays with the service manager, which listens on when this daemon has ended, so
// closing it does not remove its path.
func inheritSocket(home string, files []*os.File) (*net.UnixListener, error) {
	if len(files) != 1 {
		return nil, fmt.Errorf("the service manager handed down %d sockets; the daemon serves one: write a single ListenStream into its socket unit", len(files))
	}
	if err := checkListening(files[0]); err != nil {
		return nil, err
	}
	listener, err := net.FileListener(files[0])
	if err != nil {
		return nil, fmt.Errorf("use the socket that the service manager handed down: %w", err)
	}
	socket := listener.(*net.UnixListener) // checkListening has seen to it
	socket.SetUnlinkOnClose(false)
	if err := checkPlace(home, socket.Addr().String()); err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	return socket, nil
}

// checkListening refuses what is not a stream socket of the file system on which this process may accept.
func checkListening(file *os.File) error {
	raw, err := file.SyscallConn() // Fd would make the socket block, for everybody who has it
	if err != nil {
		return fmt.Errorf("look at what the service manager handed down: %w", err)
	}
	var optionErr error
	controlErr := raw.Control(func(descriptor uintptr) { optionErr = checkOptions(int(descriptor)) })
	return errors.Join(controlErr, optionErr)
}

func checkOptions(descriptor int) error {
	wanted := []struct{ option, value int }{
		{unix.SO_DOMAIN, unix.AF_UNIX}, {unix.SO_TYPE, unix.SOCK_STREAM}, {unix.SO_ACCEPTCONN, 1},
	}
	for _, w := range wanted {
		value, err := unix.GetsockoptInt(descriptor, unix.SOL_SOCKET, w.option)
		if err != nil {
			return fmt.Errorf("look at what the service manager handed down: %w", err)
		}
		if value != w.value {
			return errors.New("what the service manager handed down is not a listening Unix socket: write ListenStream and Accept=no into the socket unit")
		}
	}
	return nil
}

// checkPlace refuses a socket that is not where clients look for it, and keeps others from dialling it, as a socket of
// our own does.
func checkPlace(home, path string) error {
	expected := SocketPath(home)
	if !sameFile(path, expected) {
		return fmt.Errorf("the service manager handed down the socket %q, and clients of %s look for it at %s: write ListenStream=%s into the socket unit, or install it again with `scu daemon install`", path, home, expected, expected)
	}
	if err := checkPrivateDirectory(home, expected); err != nil {
		return err
	}
	if err := os.Chmod(expected, 0o600); err != nil {
		return fmt.Errorf("keep others from the daemon's socket: %w", err)
	}
	return nil
}

// sameFile compares files, not names: the home may be behind a link.
func sameFile(one, other string) bool {
	first, err := os.Lstat(one)
	if err != nil {
		return false
	}
	second, err := os.Lstat(other)
	return err == nil && os.SameFile(first, second)
}

// checkPrivateDirectory checks the directory of a socket that lies outside its home; the home is checked anyway.
func checkPrivateDirectory(home, socket string) error {
	directory := filepath.Dir(socket)
	if directory == filepath.Clean(home) {
		return nil
	}
	return ensureSocketDirectory(directory)
}
