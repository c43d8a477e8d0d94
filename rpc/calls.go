package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// headStart is how long a call runs alone before the next one of its session starts, unless it ends sooner. Calls that
// a client sends without waiting are thus started in their order, and quick ones do not even overlap, while a slow one
// holds up the next by no more than this.
const headStart = 5 * time.Millisecond

var (
	errCancelled     = errors.New("the call was cancelled by the client")
	errNotifyInCall  = errors.New("job/subscribe cannot notify before it has been answered; do it from a goroutine of the session")
	errSessionEnding = errors.New("the connection is closed")
)

// callContextKey marks the context of a call with the *call.
type callContextKey struct{}

// call is a request from its arrival to its answer.
type call struct {
	*request
	ctx    context.Context
	cancel context.CancelCauseFunc

	started, finished bool // guarded by the table
}

// callTable holds the calls of one session that are not answered yet.
type callTable struct {
	waiting chan *call     // accepted and not started, in order
	slots   chan struct{}  // holds a token for every call in progress
	running sync.WaitGroup // goroutines of calls in progress

	mu           sync.Mutex
	byID         map[string]*call
	waitingBytes int
	unanswered   int           // calls whose answer is not queued
	subscribes   int           // those of them that are job/subscribe
	quiet        chan struct{} // closed when subscribes falls to 0
	empty        chan struct{} // closed when unanswered falls to 0; nil until somebody asks
}

func newCallTable() callTable {
	return callTable{
		waiting: make(chan *call, maxWaiting),
		slots:   make(chan struct{}, maxConcurrent),
		byID:    map[string]*call{},
	}
}

// accept takes a call in or refuses it, at once: the reader must stay free to read a cancellation.
func (s *Session) accept(request *request) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	accepted := &call{request: request, cancel: cancel}
	accepted.ctx = context.WithValue(ctx, callContextKey{}, accepted)
	if refusal := s.calls.add(accepted); refusal != nil {
		cancel(nil)
		s.reply(refusal)
	}
}

func (t *callTable) add(added *call) *response {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := idKey(added.id)
	if t.byID[key] != nil {
		return refuse(added.id, protocol.RPCInvalidRequest, "a call with the id %s is still in progress: give every call an id of its own", clip(string(added.id)))
	}
	if len(t.waiting) == cap(t.waiting) || t.waitingBytes+len(added.params) > maxWaitingBytes {
		busy := protocol.NewError(protocol.CodeQuotaExceeded, "%d calls of this connection wait already", len(t.waiting)).
			WithHint("wait for answers before sending more")
		busy.Retryable = true
		return refuseWith(added.id, busy)
	}
	t.byID[key] = added
	t.waitingBytes += len(added.params)
	t.unanswered++
	if added.method == protocol.MethodJobSubscribe {
		if t.subscribes == 0 {
			t.quiet = make(chan struct{})
		}
		t.subscribes++
	}
	t.waiting <- added
	return nil
}

// refuseMore tells the starter that no call will come. Only the reader, which adds them, may say so.
func (t *callTable) refuseMore() { close(t.waiting) }

// startCalls starts the calls in order, as slots fall free. When the session ends it does not wait for slots: what has
// not started is only answered.
func (s *Session) startCalls() {
	for next := range s.calls.waiting {
		select {
		case s.calls.slots <- struct{}{}:
			s.start(next)
		case <-s.ctx.Done():
			s.finish(next, s.failure(next, s.ctx.Err()))
		}
	}
}

func (s *Session) start(next *call) {
	begun, ended := make(chan struct{}), make(chan struct{})
	s.calls.running.Go(func() {
		close(begun)
		defer func() { <-s.calls.slots }()
		defer close(ended)
		if s.calls.begin(next) {
			s.finish(next, s.perform(next))
		}
	})
	<-begun // on a busy machine that alone can take longer than the head start
	timer := time.NewTimer(headStart)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
}

// begin reports whether the call is still to be performed.
func (t *callTable) begin(next *call) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waitingBytes -= len(next.params)
	next.started = true
	return !next.finished
}

// perform runs the handler, unless the call is over before it began. What the handler panics with is the daemon's failure, and of this call only.
func (s *Session) perform(next *call) (answer *response) {
	defer func() {
		if cause := recover(); cause != nil {
			s.logger.Error("a call panicked", "method", next.method, "panic", cause, "stack", string(debug.Stack()))
			answer = &response{id: next.id, err: internalError(next.method)}
		}
	}()
	if err := next.ctx.Err(); err != nil {
		return s.failure(next, err)
	}
	result, err := s.server.Handler.Handle(next.ctx, s, next.method, next.params)
	if err != nil {
		return s.failure(next, err)
	}
	body, err := json.Marshal(result)
	if err != nil {
		return s.failure(next, fmt.Errorf("encode the result: %w", err))
	}
	if len(body) > protocol.MaxFrameBytes-frameOverhead-len(next.id) {
		return refuseWith(next.id, protocol.NewError(protocol.CodeQuotaExceeded, "the answer to %s has %d bytes and the limit is %d", next.method, len(body), protocol.MaxFrameBytes).
			WithHint("ask for less, with limit or a smaller range"))
	}
	return &response{id: next.id, result: body}
}

// failure answers a call that returned an error. After the end of its context that end is the reason, whatever the
// handler made of it.
func (s *Session) failure(failed *call, err error) *response {
	if wire := expectedError(failed.method, err); wire != nil {
		return &response{id: failed.id, err: wire}
	}
	switch cause := context.Cause(failed.ctx); {
	case errors.Is(cause, errCancelled):
		return refuse(failed.id, protocol.RPCRequestCancelled, "the call was cancelled")
	case cause != nil:
		stopping := protocol.NewError(protocol.CodeConflict, "the daemon stops").WithHint("try again when it runs")
		stopping.Retryable = true
		return refuseWith(failed.id, stopping)
	}
	s.logger.Error("a call failed", "method", failed.method, "error", err)
	return &response{id: failed.id, err: internalError(failed.method)}
}

// finish answers a call, once. The id is free again before the peer can have read the answer.
func (s *Session) finish(answered *call, answer *response) {
	if !s.calls.remove(answered) {
		return
	}
	answered.cancel(nil)
	s.reply(answer)
	s.calls.answerQueued(answered)
}

func (t *callTable) remove(answered *call) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if answered.finished {
		return false
	}
	answered.finished = true
	delete(t.byID, idKey(answered.id))
	return true
}

func (t *callTable) answerQueued(answered *call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unanswered--
	if answered.method == protocol.MethodJobSubscribe {
		if t.subscribes--; t.subscribes == 0 {
			close(t.quiet)
		}
	}
	t.signalEmpty()
}

func (t *callTable) signalEmpty() {
	if t.empty != nil && t.unanswered == 0 {
		close(t.empty)
		t.empty = nil
	}
}

// answered returns a channel that is closed when every call has its answer queued. It is asked for once, when no more
// calls come.
func (t *callTable) answered() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.empty = make(chan struct{})
	empty := t.empty
	t.signalEmpty()
	return empty
}

// cancelCall ends a call: one in progress by its context, one that waits by its answer.
func (s *Session) cancelCall(id json.RawMessage) {
	s.calls.mu.Lock()
	cancelled := s.calls.byID[idKey(id)]
	waiting := cancelled != nil && !cancelled.started
	s.calls.mu.Unlock()
	if cancelled == nil {
		return
	}
	cancelled.cancel(errCancelled)
	if waiting {
		s.finish(cancelled, refuse(cancelled.id, protocol.RPCRequestCancelled, "the call was cancelled before it began"))
	}
}

// waitForSubscribes waits until no answer to job/subscribe is outstanding.
func (t *callTable) waitForSubscribes(ctx, session context.Context) error {
	for {
		t.mu.Lock()
		outstanding, quiet := t.subscribes, t.quiet
		t.mu.Unlock()
		if outstanding == 0 {
			return nil
		}
		if within, ok := ctx.Value(callContextKey{}).(*call); ok && within.method == protocol.MethodJobSubscribe {
			return errNotifyInCall
		}
		select {
		case <-quiet:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-session.Done():
			return errSessionEnding
		}
	}
}
