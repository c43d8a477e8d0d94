package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

const (
	// flushTimeout is how long the end of a session waits for the peer to read what was answered.
	flushTimeout = time.Second
	// hangUpPoll is how often a half-closed connection is looked at, to see whether the peer still waits for answers.
	hangUpPoll = 100 * time.Millisecond
)

// Session is one connection of a client, as a [Handler] sees it. Its methods may be called from any goroutine.
type Session struct {
	id     uint64
	server *Server
	conn   *net.UnixConn
	reader *frameReader
	out    *outbox
	logger *slog.Logger

	ctx    context.Context // ends with the connection
	cancel context.CancelFunc

	framing framing             // set before the first frame goes either way
	client  protocol.ClientInfo // set before the first call is started
	greeted bool                // of the reading goroutine
	calls   callTable
}

func newSession(ctx context.Context, server *Server, id uint64, conn *net.UnixConn) *Session {
	ctx, cancel := context.WithCancel(ctx)
	timeout := writeTimeout
	if server.writeTimeout > 0 {
		timeout = server.writeTimeout
	}
	return &Session{
		id: id, server: server, conn: conn,
		reader: newFrameReader(conn),
		out:    newOutbox(conn, timeout),
		logger: server.logger().With("session", id),
		ctx:    ctx, cancel: cancel,
		calls: newCallTable(),
	}
}

// ID tells sessions apart. It is never used again while the server runs.
func (s *Session) ID() uint64 { return s.id }

// Client returns what the client said of itself.
func (s *Session) Client() protocol.ClientInfo { return s.client }

// Context ends when the connection does.
func (s *Session) Context() context.Context { return s.ctx }

// Notify sends a notification. When the peer reads slowly it waits for room; it returns an error when ctx or the
// connection ends before there is any. That it returned nil does not mean that the peer has read it.
//
// A notification never overtakes the answer to job/subscribe: while such a call is being handled, Notify waits for its
// answer to be queued. The goroutine that serves a subscription can thus start before its call returns; the call itself
// must not notify, and gets an error when it tries with its own context.
func (s *Session) Notify(ctx context.Context, method string, params any) error {
	if err := s.calls.waitForSubscribes(ctx, s.ctx); err != nil {
		return fmt.Errorf("notify %s: %w", method, err)
	}
	body, err := encodeNotification(method, params)
	if err != nil {
		return fmt.Errorf("notify %s: %w", method, err)
	}
	if len(body) > protocol.MaxFrameBytes {
		return fmt.Errorf("notify %s: the message has %d bytes and the limit is %d", method, len(body), protocol.MaxFrameBytes)
	}
	if err := s.out.put(ctx, s.framing.frame(body)); err != nil {
		return fmt.Errorf("notify %s: %w", method, err)
	}
	return nil
}

// serve is the session's life. When it returns nothing of the session runs any more.
func (s *Session) serve() {
	defer s.cancel()
	// The end of the context ends reading: a deadline in the past wakes the reader and leaves the writer alone.
	defer context.AfterFunc(s.ctx, s.stopReading)()
	go s.out.run(s.writeFailed)
	starterDone := make(chan struct{})
	go func() {
		defer close(starterDone)
		s.startCalls()
	}()

	err := s.read()
	s.calls.refuseMore()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		s.awaitAnswers()
	} else {
		s.reportEnd(err)
	}
	s.cancel()
	<-starterDone
	s.calls.running.Wait()
	s.out.close(flushTimeout)
	<-s.out.done
	_ = s.conn.Close()
	if s.greeted {
		s.server.Handler.Closed(s)
	}
}

func (s *Session) stopReading() { _ = s.conn.SetReadDeadline(time.Unix(1, 0)) }

// read handles frames until the stream ends, and says why it ended.
func (s *Session) read() error {
	s.limitHandshake()
	chosen, err := s.reader.detect()
	if err != nil {
		return err
	}
	s.framing = chosen
	for {
		frame, err := s.reader.next()
		var broken *frameError
		if errors.As(err, &broken) {
			s.reply(refuse(nullID, protocol.RPCInvalidRequest, "%s; this connection is closed, because where the next message begins is not known", broken.message))
		}
		if err != nil {
			return err
		}
		s.receive(frame)
	}
}

func (s *Session) receive(frame []byte) {
	request, refusal := parseRequest(frame)
	switch {
	case refusal != nil:
		s.reply(refusal)
	case request == nil:
		s.logger.Debug("ignore a response to nothing")
	case request.id == nil:
		s.receiveNotification(request)
	case request.method == protocol.MethodInitialize:
		s.reply(s.initialize(request))
	case !s.greeted:
		s.reply(refuse(request.id, protocol.RPCNotInitialized, "the first call of a connection must be initialize, not %s", clip(request.method)))
	default:
		s.accept(request)
	}
}

// receiveNotification knows one notification; JSON-RPC gives no way to refuse the others.
func (s *Session) receiveNotification(notification *request) {
	if notification.method != protocol.NotifyCancelRequest {
		return
	}
	params, err := DecodeParams[protocol.CancelRequestParams](notification.params)
	if err != nil {
		s.logger.Debug("ignore a cancellation that names no call", "error", err)
		return
	}
	s.cancelCall(params.ID)
}

// reply queues an answer. It fails only when the connection is ending, and then nobody waits for the answer.
func (s *Session) reply(answer *response) {
	body, err := answer.encode()
	if err != nil {
		s.logger.Error("encode an answer", "error", err)
		return
	}
	_ = s.out.put(s.ctx, s.framing.frame(body))
}

// awaitAnswers lets the calls in progress end after the peer has said all it has to say. A peer that has closed the
// connection altogether, and so waits for no answer, ends them.
func (s *Session) awaitAnswers() {
	answered := s.calls.answered()
	ticker := time.NewTicker(hangUpPoll)
	defer ticker.Stop()
	for !hungUp(s.conn) {
		select {
		case <-answered:
			s.writeOut()
			return
		case <-s.ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// writeOut gives a peer that still reads the time to read everything.
func (s *Session) writeOut() {
	s.out.close(s.out.timeout)
	select {
	case <-s.out.done:
	case <-s.ctx.Done():
	}
}

func (s *Session) writeFailed(err error) {
	if !hungUp(s.conn) {
		s.logger.Warn("close a connection that cannot be written to", "error", err)
	}
	s.cancel()
}

func (s *Session) reportEnd(err error) {
	switch {
	case s.ctx.Err() != nil || errors.Is(err, syscall.ECONNRESET):
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.logger.Warn("close a connection that was never initialized")
		s.reply(refuse(nullID, protocol.RPCNotInitialized, "initialize did not come in time; this connection is closed"))
	default:
		s.logger.Warn("close a connection that cannot be read", "error", err)
	}
}

func (s *Session) limitHandshake() {
	timeout := handshakeTimeout
	if s.server.handshakeTimeout > 0 {
		timeout = s.server.handshakeTimeout
	}
	s.setReadDeadline(time.Now().Add(timeout))
}

// setReadDeadline must not undo stopReading, which may come at any time.
func (s *Session) setReadDeadline(deadline time.Time) {
	_ = s.conn.SetReadDeadline(deadline)
	if s.ctx.Err() != nil {
		s.stopReading()
	}
}
