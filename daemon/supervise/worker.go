package supervise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/shannon-labs/scu/protocol/frame"
)

// orderTimeout bounds the writing of an order, which fits into the stream's buffer unless something is very wrong.
const orderTimeout = 10 * time.Second

// Limits are how long a worker may take for what. Zero fields have the values named here.
type Limits struct {
	SilenceLimit time.Duration // without a frame, before a worker counts as hung; 2 minutes, since compiling takes long
	PauseGrace   time.Duration // between asking to pause and SIGTERM; 2 minutes, since a step and a checkpoint can take long
	CancelGrace  time.Duration // between asking to stop and SIGTERM, and between the last word and the end; 20 seconds
	TermGrace    time.Duration // between SIGTERM and SIGKILL; 5 seconds
}

func (l Limits) orDefault() Limits {
	return Limits{
		SilenceLimit: cmp.Or(l.SilenceLimit, 2*time.Minute),
		PauseGrace:   cmp.Or(l.PauseGrace, 2*time.Minute),
		CancelGrace:  cmp.Or(l.CancelGrace, 20*time.Second),
		TermGrace:    cmp.Or(l.TermGrace, 5*time.Second),
	}
}

// Worker is a worker that has been started. Its owner reads Events until they end and then calls Wait.
//
// Two goroutines serve it: one reads the events, and one waits for the process and gathers the outcome when both have
// ended. Each demand to end adds another, which the next demand replaces (stop.go).
type Worker struct {
	process Process
	stream  net.Conn
	orders  *frame.Writer
	limits  Limits

	events  chan frame.Event
	exited  chan struct{} // closed when nothing of the process is left
	gone    chan struct{} // closed when outcome is set
	outcome Outcome
	serving sync.WaitGroup

	mu       sync.Mutex
	ended    bool // set before exited is closed
	demand   demand
	callOff  context.CancelFunc // of the force behind the demand
	evidence evidence
}

// Start has a worker started and gives it its order to train. The context bounds the start, not the worker's life.
func Start(ctx context.Context, launcher Launcher, order Order, start frame.Start, limits Limits) (*Worker, error) {
	process, err := launcher.Launch(ctx, order)
	if err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	w := &Worker{
		process: process, stream: process.Stream(), orders: frame.NewWriter(process.Stream()), limits: limits.orDefault(),
		events: make(chan frame.Event, 64), exited: make(chan struct{}), gone: make(chan struct{}), callOff: func() {},
	}
	w.serving.Go(w.read)
	go w.gather()
	w.send(&frame.Order{Start: &start})
	return w, nil
}

// Events gives what the worker says, but heartbeats and the last word, which is in the [Outcome]. The channel is closed
// when the worker can say no more. A worker whose events are not read blocks.
func (w *Worker) Events() <-chan frame.Event { return w.events }

// Stored answers a Sync: what the worker has told before it is on disk.
func (w *Worker) Stored() { w.send(&frame.Order{Stored: &frame.Stored{}}) }

// Wait returns when nothing of the worker is left.
func (w *Worker) Wait() Outcome {
	<-w.gone
	return w.outcome
}

// send gives the worker an order. One that has died cannot take it, and how it died says more than that error; to end one
// that does not take it needs no order.
func (w *Worker) send(order *frame.Order) {
	_ = w.stream.SetWriteDeadline(time.Now().Add(orderTimeout))
	_ = w.orders.Write(order)
}

// read passes the worker's frames on until there are no more.
func (w *Worker) read() {
	defer close(w.events)
	reader := frame.NewReader(w.stream)
	for {
		// The limit is on waiting for the worker only: a reader of Events who is slow does not make it silent.
		// Where the deadline cannot be set the stream is closed, which reading tells too.
		_ = w.stream.SetReadDeadline(time.Now().Add(w.limits.SilenceLimit))
		var event frame.Event
		switch err := reader.Read(&event); {
		case err == nil:
			w.pass(event)
		case hasEnded(err):
			w.finish()
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			w.giveUp(func(e *evidence) { e.silent = w.limits.SilenceLimit })
			return
		default:
			w.giveUp(func(e *evidence) { e.unreadable = err })
			return
		}
	}
}

// hasEnded reports whether an error means that the worker's end of the stream is closed: that it died in the middle of a
// frame, or with orders unread, is not its own fault.
func hasEnded(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

func (w *Worker) pass(event frame.Event) {
	switch {
	case event.Heartbeat != nil:
	case event.Done != nil:
		w.lastWord(func(e *evidence) { e.done = event.Done })
	case event.Paused != nil:
		w.lastWord(func(e *evidence) { e.paused = event.Paused })
	case event.Failed != nil:
		w.lastWord(func(e *evidence) { e.failed = event.Failed })
	default:
		w.events <- event
	}
}

func (w *Worker) lastWord(what func(*evidence)) {
	w.note(what)
	w.finish()
}

// gather sets the outcome when the process and its events have ended.
func (w *Worker) gather() {
	exit := w.process.Wait()
	w.mu.Lock()
	w.ended = true // from here on nobody adds to serving
	w.mu.Unlock()
	close(w.exited)
	w.serving.Wait()
	_ = w.stream.Close() // nobody is at its other end
	w.note(func(e *evidence) { e.exit = exit })
	w.outcome = w.evidence.judge()
	w.outcome.LogErr = exit.LogErr
	close(w.gone)
}

func (w *Worker) note(change func(*evidence)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.evidence)
}
