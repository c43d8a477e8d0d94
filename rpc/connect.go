package rpc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shannon-labs/scu/protocol"
)

// defaultStartTimeout bounds a Connect, be it that a daemon is slow to start or that one hangs.
const defaultStartTimeout = 15 * time.Second

// The wait between two attempts to reach a daemon that starts doubles from the first to the second.
const (
	firstRetry = 2 * time.Millisecond
	lastRetry  = 50 * time.Millisecond
)

// Options says how to reach the daemon. The zero value reaches the daemon of [Home] if it runs.
type Options struct {
	Home   string              // empty means Home()
	Client protocol.ClientInfo // told to the daemon; PID 0 means this process

	// Start starts a daemon and returns when it listens or has failed; see StartDetached. Nil means that Connect does not
	// start one, and returns ErrNotRunning at once when none runs.
	Start        func(ctx context.Context, home string) error
	StartTimeout time.Duration // for all of Connect; 0 means 15 s
}

// Connect dials the daemon and shakes hands. When nobody listens it starts a daemon, and dials until the handshake is
// answered. Many clients may do this at once: one of them starts the daemon, and all of them reach that one.
//
// The error is [ErrNotRunning] when there is no daemon and no Start, what Start returned, or a *protocol.Error from the
// daemon, for example when it speaks another version of the protocol.
func Connect(ctx context.Context, o Options) (*Client, error) {
	if o.Home == "" {
		home, err := Home()
		if err != nil {
			return nil, err
		}
		o.Home = home
	}
	if o.Client.PID == 0 {
		o.Client.PID = os.Getpid()
	}
	if o.StartTimeout == 0 {
		o.StartTimeout = defaultStartTimeout
	}
	// Where a service manager listens for the daemon, dialling starts it.
	if o.Start == nil && !lockHeld(o.Home) {
		return nil, fmt.Errorf("connect to the daemon of %s: %w", o.Home, ErrNotRunning)
	}
	limited, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	client, err := dial(limited, o)
	if errors.Is(err, errNobodyListens) {
		if o.Start == nil {
			return nil, fmt.Errorf("connect to the daemon of %s: %w", o.Home, ErrNotRunning)
		}
		client, err = startAndDial(limited, o)
	}
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, fmt.Errorf("the daemon of %s did not answer within %s: see its log in %s/logs (%w)", o.Home, o.StartTimeout, o.Home, err)
	}
	return client, err
}

// startAndDial goes on until somebody answers, the start fails, or ctx ends.
func startAndDial(ctx context.Context, o Options) (*Client, error) {
	if err := EnsureHome(o.Home); err != nil {
		return nil, err
	}
	started := false
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		client, err := startOrDial(ctx, o, &started)
		if !errors.Is(err, errNobodyListens) {
			return client, err
		}
		if pause(ctx, wait); ctx.Err() != nil {
			return nil, err
		}
	}
}

// startOrDial starts a daemon if it is this client's turn to and none is there, and then dials. One client of a home has
// the turn at a time; without it ten clients would start ten processes, of which a late one may find the home free again
// when nobody wants a daemon any more.
func startOrDial(ctx context.Context, o Options, started *bool) (*Client, error) {
	turn, err := takeTurn(o.Home)
	if err != nil {
		return nil, err
	}
	if turn == nil {
		return dial(ctx, o)
	}
	defer func() { _ = turn.Close() }()
	client, err := dial(ctx, o)
	if !errors.Is(err, errNobodyListens) {
		return client, err
	}
	// A held lock is a daemon that is coming up or going down. When it is given up again, another start is due.
	if lockHeld(o.Home) {
		*started = false
		return nil, err
	}
	if *started {
		return nil, err
	}
	*started = true
	if err := o.Start(ctx, o.Home); err != nil {
		return nil, fmt.Errorf("start the daemon of %s: %w", o.Home, err)
	}
	return dial(ctx, o)
}

// takeTurn returns the file whose lock is the right to start a daemon, or nil when another client has it. The lock ends
// with its holder.
func takeTurn(home string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(home, "start.lock"), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock for starting the daemon: %w", err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return file, nil
	}
	_ = file.Close()
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		return nil, nil
	}
	return nil, fmt.Errorf("lock %s for starting the daemon: %w", file.Name(), err)
}

// errNobodyListens is dial's error when no daemon serves, rather than one that refuses. A connection that ends within
// the handshake is a daemon that was just stopping.
var errNobodyListens = errors.New("nobody listens")

func dial(ctx context.Context, o Options) (*Client, error) {
	path := SocketPath(o.Home)
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%w: %w", errNobodyListens, err)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the daemon: %w", err)
	}
	socket := conn.(*net.UnixConn)
	if err := checkPeer(socket, os.Geteuid()); err != nil {
		_ = socket.Close()
		return nil, fmt.Errorf("connect to the daemon at %s: %w", path, err)
	}
	client := newClient(socket)
	params := protocol.InitializeParams{Client: o.Client, ProtocolVersion: protocol.Version}
	err = client.Call(ctx, protocol.MethodInitialize, params, &client.server)
	if err == nil {
		return client, nil
	}
	_ = client.Close()
	if errors.Is(err, ErrDisconnected) {
		return nil, fmt.Errorf("%w: %w", errNobodyListens, err)
	}
	return nil, err
}
