package rpc

import (
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/shannon-labs/scu/protocol"
)

// lastWords is how long a connection that cannot be written to is still read: a daemon that refuses a connection says
// why before it closes it.
const lastWords = 250 * time.Millisecond

// clientStream is the library's view of the socket: a JSON value a line. What leaves goes through an outbox whose bound
// is the number of calls that somebody waits for, so that writing never blocks under the library's lock.
type clientStream struct {
	socket     net.Conn
	reader     *frameReader
	out        *outbox
	readerDone chan struct{} // closed when reading has failed, which ends the connection

	mu       sync.Mutex
	lastWord error
}

func newClientStream(socket net.Conn) *clientStream {
	s := &clientStream{
		socket: socket, reader: newFrameReader(socket),
		out: newOutbox(socket, writeTimeout), readerDone: make(chan struct{}),
	}
	go s.out.run(func(error) { _ = socket.SetReadDeadline(time.Now().Add(lastWords)) })
	return s
}

// ReadObject implements jsonrpc2.ObjectStream. The library stops at its first error.
func (s *clientStream) ReadObject(message any) error {
	err := s.readInto(message)
	if err != nil {
		close(s.readerDone)
	}
	return err
}

func (s *clientStream) readInto(message any) error {
	frame, err := s.reader.next()
	if err != nil {
		return err
	}
	// An error without an id concerns the connection, not a call, and comes before its end.
	var refusal struct {
		ID    json.RawMessage
		Error *jsonrpc2.Error
	}
	if json.Unmarshal(frame, &refusal) == nil && refusal.Error != nil && string(refusal.ID) == "null" {
		err := fromWire("the connection", refusal.Error)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lastWord = err
		return err
	}
	return json.Unmarshal(frame, message)
}

func (s *clientStream) refusal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastWord
}

// WriteObject implements jsonrpc2.ObjectStream.
func (s *clientStream) WriteObject(message any) error {
	body, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if len(body) > protocol.MaxFrameBytes {
		return frameTooLarge(fmt.Sprint(len(body)))
	}
	return s.out.push(framingLines.frame(body))
}

// Close implements jsonrpc2.ObjectStream. It gives what waits a moment to leave.
func (s *clientStream) Close() error {
	s.out.close(lastWords)
	<-s.out.done
	return s.socket.Close()
}
