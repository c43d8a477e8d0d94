package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

// eventSource is a handler with one subscription, whose events the test sends.
type eventSource struct {
	result       protocol.SubscribeResult
	early        int // events that a goroutine sends before job/subscribe is answered
	entered      chan struct{}
	release      chan struct{} // job/subscribe is answered when it is closed; nil means at once
	session      chan *Session
	unsubscribed chan string

	goroutines sync.WaitGroup
}

func newEventSource(result protocol.SubscribeResult) *eventSource {
	result.SubscriptionID = "s1"
	return &eventSource{
		result: result, entered: make(chan struct{}, 10),
		session: make(chan *Session, 10), unsubscribed: make(chan string, 10),
	}
}

func (e *eventSource) handle(_ context.Context, session *Session, method string, params json.RawMessage) (any, error) {
	switch method {
	case protocol.MethodJobSubscribe:
		e.goroutines.Go(func() {
			for cursor := range e.early {
				_ = sendEvent(session, stateEvent(int64(cursor)+1, protocol.StatusRunning))
			}
		})
		e.entered <- struct{}{}
		if e.release != nil {
			<-e.release
		}
		e.session <- session
		return e.result, nil
	case protocol.MethodJobUnsubscribe:
		p, err := DecodeParams[protocol.UnsubscribeParams](params)
		if err != nil {
			return nil, err
		}
		e.unsubscribed <- p.SubscriptionID
		return nil, nil
	}
	return nil, nil
}

func stateEvent(cursor int64, status protocol.Status) protocol.JobEvent {
	return protocol.JobEvent{Cursor: cursor, JobID: "j", Type: protocol.EventState, Status: &protocol.TrainingStatus{Status: status}}
}

func sendEvent(session *Session, event protocol.JobEvent) error {
	return session.Notify(context.Background(), protocol.NotifyJobEvent, protocol.JobEventParams{SubscriptionID: "s1", Event: event})
}

func runningAt(cursor int64) protocol.SubscribeResult {
	return protocol.SubscribeResult{Cursor: cursor, Snapshot: protocol.Job{TrainingStatus: protocol.TrainingStatus{JobID: "j", Status: protocol.StatusRunning}}}
}

func expectCursors(t *testing.T, s *Subscription, from, to int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for want := from; want <= to; want++ {
		event, err := s.Next(ctx)
		if err != nil || event.Cursor != want {
			t.Fatalf("got the event with cursor %d, %v; want %d", event.Cursor, err, want)
		}
	}
}

func TestSubscription(t *testing.T) {
	t.Parallel()
	source := newEventSource(runningAt(4))
	c := startServer(t, &Server{}, source.handle).connect(t)
	s, err := c.Subscribe(context.Background(), "j", nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Result.Cursor != 4 || s.Result.Snapshot.JobID != "j" {
		t.Errorf("the snapshot is %+v", s.Result)
	}
	session := <-source.session
	for cursor, status := range []protocol.Status{protocol.StatusRunning, protocol.StatusRunning, protocol.StatusCompleted} {
		if err := sendEvent(session, stateEvent(int64(cursor)+5, status)); err != nil {
			t.Fatal(err)
		}
	}
	expectCursors(t, s, 5, 7)
	for range 2 {
		if _, err := s.Next(context.Background()); !errors.Is(err, io.EOF) {
			t.Errorf("after the final state Next gave %v, want io.EOF", err)
		}
	}
	s.Close()
	if id := receive(t, source.unsubscribed, "job/unsubscribe"); id != "s1" {
		t.Errorf("unsubscribed %q", id)
	}
	s.Close()
	if _, err := s.Next(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("Next of a closed subscription gave %v", err)
	}
	if err := sendEvent(session, stateEvent(8, protocol.StatusRunning)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Job(context.Background(), "j"); err != nil {
		t.Errorf("an event of a closed subscription broke the client: %v", err)
	}
}

// Events that a daemon's goroutine sends while job/subscribe is still being handled come after its answer.
func TestEventsNeverOvertakeTheAnswer(t *testing.T) {
	t.Parallel()
	source := newEventSource(runningAt(0))
	source.early, source.release = 50, make(chan struct{})
	peer := startServer(t, &Server{}, source.handle).dialRaw(t, framingLines).greet()
	peer.call("1", protocol.MethodJobSubscribe, `{"id":"j"}`)
	receive(t, source.entered, "job/subscribe")
	peer.call("2", "quick", "{}")
	if a := peer.next(); string(a.ID) != "2" {
		t.Fatalf("before the answer came %+v", a)
	}
	close(source.release)
	if a := peer.next(); string(a.ID) != "1" || a.Error != nil {
		t.Fatalf("the first message of the subscription is %+v", a)
	}
	for range source.early {
		if a := peer.next(); a.Method != protocol.NotifyJobEvent {
			t.Fatalf("got %+v", a)
		}
	}
	source.goroutines.Wait()
}

func TestSubscribeCannotNotifyItself(t *testing.T) {
	t.Parallel()
	c := startServer(t, &Server{}, func(ctx context.Context, session *Session, _ string, _ json.RawMessage) (any, error) {
		err := session.Notify(ctx, "event", nil)
		return nil, protocol.NewError(protocol.CodeConflict, "%v", err)
	}).connect(t)
	if err := c.Call(context.Background(), protocol.MethodJobSubscribe, nil, nil); err == nil || !strings.Contains(err.Error(), errNotifyInCall.Error()) {
		t.Errorf("got %v", err)
	}
}

func TestSubscribeToAFinalJob(t *testing.T) {
	t.Parallel()
	result := runningAt(9)
	result.Snapshot.Status = protocol.StatusFailed
	source := newEventSource(result)
	c := startServer(t, &Server{}, source.handle).connect(t)
	s, err := c.Subscribe(context.Background(), "j", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(context.Background()); !errors.Is(err, io.EOF) {
		t.Errorf("a job that is over gave %v, want io.EOF", err)
	}
	s.Close()
	<-source.session
	after := int64(7)
	s, err = c.Subscribe(context.Background(), "j", &after)
	if err != nil {
		t.Fatal(err)
	}
	session := <-source.session
	for cursor, status := range map[int]protocol.Status{8: protocol.StatusRunning} {
		if err := sendEvent(session, stateEvent(int64(cursor), status)); err != nil {
			t.Fatal(err)
		}
	}
	if err := sendEvent(session, stateEvent(9, protocol.StatusFailed)); err != nil {
		t.Fatal(err)
	}
	expectCursors(t, s, 8, 9)
	if _, err := s.Next(context.Background()); !errors.Is(err, io.EOF) {
		t.Errorf("after the last event: %v, want io.EOF", err)
	}
}

func TestSubscriptionLosesTheDaemon(t *testing.T) {
	t.Parallel()
	source := newEventSource(runningAt(0))
	server := startServer(t, &Server{}, source.handle)
	c := server.connect(t)
	s, err := c.Subscribe(context.Background(), "j", nil)
	if err != nil {
		t.Fatal(err)
	}
	session := <-source.session
	for cursor := range int64(3) {
		if err := sendEvent(session, stateEvent(cursor+1, protocol.StatusRunning)); err != nil {
			t.Fatal(err)
		}
	}
	server.stop()
	expectCursors(t, s, 1, 3) // what had come is not lost
	if _, err := s.Next(context.Background()); !errors.Is(err, ErrDisconnected) || !strings.Contains(err.Error(), "scu status") {
		t.Errorf("got %v, want ErrDisconnected", err)
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	t.Parallel()
	source := newEventSource(runningAt(0))
	c := startServer(t, &Server{}, source.handle).connect(t)
	s, err := c.Subscribe(context.Background(), "j", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := sendEvent(<-source.session, stateEvent(1, protocol.StatusRunning)); err != nil {
		t.Fatal(err)
	}
	expectCursors(t, s, 1, 1)
}

func TestSubscriptionLags(t *testing.T) {
	t.Parallel()
	source := newEventSource(runningAt(0))
	c := startServer(t, &Server{}, source.handle).connect(t)
	s, err := c.Subscribe(context.Background(), "j", nil)
	if err != nil {
		t.Fatal(err)
	}
	session := <-source.session
	if err := sendEvent(session, stateEvent(1, protocol.StatusRunning)); err != nil {
		t.Fatal(err)
	}
	if err := session.Notify(context.Background(), protocol.NotifyLagged, protocol.LaggedParams{SubscriptionID: "s1", Cursor: 1}); err != nil {
		t.Fatal(err)
	}
	expectCursors(t, s, 1, 1)
	var lagged *LaggedError
	if _, err := s.Next(context.Background()); !errors.As(err, &lagged) || lagged.Cursor != 1 || lagged.JobID != "j" {
		t.Errorf("got %v, want LaggedError after cursor 1", err)
	}
}

// A reader that never calls Next costs a bounded amount, and calls go on.
func TestSubscriptionNobodyReads(t *testing.T) {
	t.Parallel()
	s := &Subscription{arrived: make(chan struct{})}
	for cursor := range int64(maxPendingEvents + 10) {
		s.add(stateEvent(cursor+1, protocol.StatusRunning))
	}
	expectCursors(t, s, 1, maxPendingEvents)
	var lagged *LaggedError
	if _, err := s.Next(context.Background()); !errors.As(err, &lagged) || lagged.Cursor != maxPendingEvents {
		t.Errorf("got %v, want LaggedError after cursor %d", err, maxPendingEvents)
	}
}

// A subscription whose answer comes after its caller has gone is ended.
func TestAbandonedSubscribe(t *testing.T) {
	t.Parallel()
	source := newEventSource(runningAt(0))
	source.release = make(chan struct{})
	c := startServer(t, &Server{}, source.handle).connect(t)
	ctx, cancel := context.WithCancel(context.Background())
	subscribed := make(chan error, 1)
	go func() {
		_, err := c.Subscribe(ctx, "j", nil)
		subscribed <- err
	}()
	receive(t, source.entered, "job/subscribe")
	cancel()
	if err := receive(t, subscribed, "the end of Subscribe"); !errors.Is(err, context.Canceled) {
		t.Errorf("Subscribe gave %v", err)
	}
	close(source.release) // this handler answers though it was cancelled
	if id := receive(t, source.unsubscribed, "job/unsubscribe"); id != "s1" {
		t.Errorf("unsubscribed %q", id)
	}
}

func TestSubscribeRefused(t *testing.T) {
	t.Parallel()
	c := startServer(t, &Server{}, func(context.Context, *Session, string, json.RawMessage) (any, error) {
		return nil, protocol.NewError(protocol.CodeNotFound, "no job")
	}).connect(t)
	var refused *protocol.Error
	if _, err := c.Subscribe(context.Background(), "j", nil); !errors.As(err, &refused) || refused.Code != protocol.CodeNotFound {
		t.Errorf("got %v", err)
	}
}
