package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// What one daemon and one connection may hold.
const (
	maxConnections  = 1024
	maxConcurrent   = 16       // calls of one connection in progress
	maxWaiting      = 1024     // calls of one connection that wait for one of those to end
	maxWaitingBytes = 16 << 20 // of those calls' params

	// MaxSubscriptions is how many subscriptions one connection may have, as told to clients. The handler counts them.
	MaxSubscriptions = 64
)

// handshakeTimeout is how long a connection may stand without having been initialized. Somebody may be typing.
const handshakeTimeout = 60 * time.Second

// acceptPause is the wait after a failure to accept, which is a lack of file descriptors as a rule.
const acceptPause = 50 * time.Millisecond

// Handler is what the methods mean. Handle runs in a goroutine of its own, up to 16 of them for one session, and must
// return soon after ctx ends: the call was cancelled, the connection is gone, or the daemon stops. The result is encoded
// as JSON. An error that wraps a *protocol.Error reaches the client whole, [ErrMethodNotFound] as such, and any other
// error is logged and reaches the client as an internal error without its text.
//
// Closed is called once for every session that finished its handshake, when the connection is gone and no Handle of it
// runs any more.
type Handler interface {
	Handle(ctx context.Context, session *Session, method string, params json.RawMessage) (any, error)
	Closed(session *Session)
}

// Server serves one [Listener]. Handler must be set; every other field may be left zero.
type Server struct {
	Handler Handler
	Info    protocol.ServerInfo // told to clients; zero tells nothing, and an empty BuildID is never compared
	Methods []string            // told to clients as what the handler serves; nil tells none
	Logger  *slog.Logger        // nil means slog.Default()

	// For tests; zero means the constants above.
	handshakeTimeout, writeTimeout time.Duration
	maxConnections                 int

	mu       sync.Mutex
	sessions int
	lastID   uint64
	running  sync.WaitGroup
}

// Serve accepts connections and serves them until ctx ends. Then it closes the socket, ends every connection, lets what
// was answered reach the peers for a second, and waits until nothing of it runs. The listener's lock stays held: the
// caller has things to close before another daemon may take the home, and ends with [Listener.Close]. Serve returns nil
// when ctx ended it. A Server serves once.
func (s *Server) Serve(ctx context.Context, l *Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.running.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.closeSocket() })
	defer stop()
	for {
		conn, err := l.socket.AcceptUnix()
		switch {
		case err == nil:
			s.admit(ctx, conn, l.uid)
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("serve %s: the listener was closed: %w", l.Path(), err)
		default:
			s.logger().Error("accept a connection", "socket", l.Path(), "error", err)
			pause(ctx, acceptPause)
		}
	}
}

func (s *Server) admit(ctx context.Context, conn *net.UnixConn, uid int) {
	if err := checkPeer(conn, uid); err != nil {
		s.turnAway(conn, protocol.NewError(protocol.CodeConflict, "%v", err))
		return
	}
	id, admitted := s.count()
	if !admitted {
		full := protocol.NewError(protocol.CodeQuotaExceeded, "the daemon has %d connections, which is its limit", s.limit()).
			WithHint("close clients that are not used")
		full.Retryable = true
		s.turnAway(conn, full)
		return
	}
	session := newSession(ctx, s, id, conn)
	s.running.Go(func() {
		defer s.uncount()
		session.serve()
	})
}

// turnAway answers a connection that is not served. Its framing is not known yet; a line of JSON is what a person reads.
func (s *Server) turnAway(conn *net.UnixConn, why *protocol.Error) {
	s.logger().Warn("refuse a connection", "reason", why.Message)
	if body, err := refuseWith(nullID, why).encode(); err == nil {
		_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = conn.Write(framingLines.frame(body))
	}
	_ = conn.Close()
}

func (s *Server) count() (id uint64, admitted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions >= s.limit() {
		return 0, false
	}
	s.sessions++
	s.lastID++
	return s.lastID, true
}

func (s *Server) uncount() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions--
}

func (s *Server) limit() int {
	if s.maxConnections > 0 {
		return s.maxConnections
	}
	return maxConnections
}

func (s *Server) logger() *slog.Logger {
	if s.Logger != nil {
		return s.Logger
	}
	return slog.Default()
}

// pause waits for a while or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
