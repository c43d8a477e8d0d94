package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	// outboxBytes is how much may wait to be written to one peer. A frame larger than that goes when nothing else waits.
	outboxBytes = 4 << 20
	// frameOverhead is what a small frame costs besides its bytes, so that many tiny ones are bounded as well.
	frameOverhead = 256
	// writeChunk is written under one deadline, so that a slow peer that still reads is not taken for a dead one.
	writeChunk = 64 << 10
	// writeTimeout is how long a peer may take nothing of what waits for it.
	writeTimeout = 30 * time.Second
)

var errOutboxClosed = errors.New("the connection is closed")

// outbox is what waits to be written to one connection. Anybody puts frames in; the one goroutine in run writes them in
// that order. It ends by close, after it has written what waits, or by a peer that does not read.
type outbox struct {
	conn    net.Conn
	timeout time.Duration

	mu      sync.Mutex
	frames  [][]byte
	cost    int           // of frames and of the one being written
	room    chan struct{} // closed, and replaced, when cost falls
	closing bool
	flushBy time.Time // the last moment to write, once closing

	work chan struct{} // holds one token when there is something to do
	done chan struct{} // closed when run returns
	err  error         // why writing failed; read after done
}

func newOutbox(conn net.Conn, timeout time.Duration) *outbox {
	return &outbox{
		conn: conn, timeout: timeout,
		room: make(chan struct{}), work: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// put queues a frame. When the outbox is full it waits for room, until ctx or the outbox ends.
func (o *outbox) put(ctx context.Context, frame []byte) error {
	for {
		room, err := o.tryPut(frame, outboxBytes)
		if room == nil {
			return err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-o.done:
			return errOutboxClosed
		}
	}
}

// push queues a frame without regard to room.
func (o *outbox) push(frame []byte) error {
	_, err := o.tryPut(frame, int(^uint(0)>>1))
	return err
}

// tryPut queues the frame, or returns the channel that is closed when there may be room.
func (o *outbox) tryPut(frame []byte, limit int) (<-chan struct{}, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closing {
		return nil, errOutboxClosed
	}
	cost := len(frame) + frameOverhead
	if o.cost > 0 && o.cost > limit-cost {
		return o.room, nil
	}
	o.frames = append(o.frames, frame)
	o.cost += cost
	o.wake()
	return nil, nil
}

// close lets run write what waits, for at most flush, and then end. It does not wait for that; done tells. A second
// call can only shorten the time.
func (o *outbox) close(flush time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	flushBy := time.Now().Add(flush)
	if o.closing && o.flushBy.Before(flushBy) {
		return
	}
	o.closing = true
	o.flushBy = flushBy
	_ = o.conn.SetWriteDeadline(o.flushBy) // for a write that is already under way
	o.wake()
}

func (o *outbox) wake() {
	select {
	case o.work <- struct{}{}:
	default:
	}
}

// run writes until close or a failure, which it reports to failed before it returns.
func (o *outbox) run(failed func(error)) {
	defer close(o.done)
	for {
		frame, closing := o.take()
		switch {
		case frame != nil:
			if err := o.write(frame); err != nil {
				o.fail(err)
				failed(o.err)
				return
			}
			o.release(frame)
		case closing:
			return
		default:
			<-o.work
		}
	}
}

func (o *outbox) take() (frame []byte, closing bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.frames) == 0 {
		return nil, o.closing
	}
	frame = o.frames[0]
	o.frames[0] = nil
	o.frames = o.frames[1:]
	return frame, o.closing
}

func (o *outbox) release(frame []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cost -= len(frame) + frameOverhead
	close(o.room)
	o.room = make(chan struct{})
}

func (o *outbox) write(frame []byte) error {
	for len(frame) > 0 {
		o.setDeadline()
		written, err := o.conn.Write(frame[:min(len(frame), writeChunk)])
		if err != nil {
			return err
		}
		frame = frame[written:]
	}
	return nil
}

func (o *outbox) setDeadline() {
	o.mu.Lock()
	defer o.mu.Unlock()
	deadline := time.Now().Add(o.timeout)
	if o.closing && o.flushBy.Before(deadline) {
		deadline = o.flushBy
	}
	_ = o.conn.SetWriteDeadline(deadline)
}

func (o *outbox) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closing = true
	o.frames = nil
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		err = fmt.Errorf("the peer read nothing for %s: %w", o.timeout, err)
	}
	o.err = err
}
