package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/shannon-labs/scu/protocol"
)

// maxPendingEvents is how far a reader of events may fall behind the daemon before its subscription ends. The connection
// must be read all the time, because answers to calls come over it as well.
const maxPendingEvents = 16384

// LaggedError says that a subscription ended because its reader was too slow. No event is lost: subscribe again after
// Cursor.
type LaggedError struct {
	JobID  string
	Cursor int64 // of the last event that was delivered
}

func (e *LaggedError) Error() string {
	return fmt.Sprintf("events of job %s came faster than they were read; subscribe again after cursor %d", e.JobID, e.Cursor)
}

// Subscription follows one job. Result is the job as it stood when the subscription began.
type Subscription struct {
	Result protocol.SubscribeResult

	id     string
	client *Client

	mu      sync.Mutex
	events  []protocol.JobEvent
	cursor  int64         // of the last event that Next returned, or the one to begin after
	finalAt int64         // cursor of the newest event that made the job final; it ends the subscription unless it was history
	lag     bool          // likewise, because they came too fast
	closed  bool          // by Close
	arrived chan struct{} // closed, and replaced, when any of this changes
}

// Subscribe follows a job by its id or name. Events begin after the cursor after, or after the snapshot when it is nil.
func (c *Client) Subscribe(ctx context.Context, id string, after *int64) (*Subscription, error) {
	callID := c.nextID()
	c.mu.Lock()
	c.subscribing[callID] = ""
	c.mu.Unlock()
	result, err := c.askToSubscribe(ctx, callID, protocol.SubscribeParams{ID: id, After: after})
	subscription := c.claim(callID)
	switch {
	case err != nil && subscription != nil: // given up in the moment when the answer came
		subscription.Close()
		return nil, err
	case err != nil:
		return nil, err
	case subscription == nil:
		return nil, errors.New("job/subscribe: the daemon's answer has no subscription_id; it may be of another version, stop it with `scu daemon stop`")
	}
	subscription.begin(result, after)
	return subscription, nil
}

func (c *Client) askToSubscribe(ctx context.Context, callID jsonrpc2.ID, params protocol.SubscribeParams) (result protocol.SubscribeResult, err error) {
	answer, err := c.dispatch(ctx, callID, protocol.MethodJobSubscribe, params)
	if err != nil {
		return result, err
	}
	err = c.await(ctx, callID, protocol.MethodJobSubscribe, answer, &result)
	return result, err
}

// Next returns the next event and waits for it. It returns io.EOF after the event that made the job final, a
// *[LaggedError] after the last event before a gap, an error that wraps [ErrDisconnected] when the daemon went away, and
// ctx's error.
func (s *Subscription) Next(ctx context.Context) (protocol.JobEvent, error) {
	for gone := false; ; {
		event, arrived, err := s.take()
		if arrived == nil {
			return event, err
		}
		if gone {
			return event, fmt.Errorf("follow job %s: %w", s.Result.Snapshot.JobID, s.client.endReason())
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return event, ctx.Err()
		case <-s.client.conn.DisconnectNotify():
			gone = true // but what had come before is still to be returned
		}
	}
}

// Close ends the subscription and returns without waiting for the daemon.
func (s *Subscription) Close() {
	s.mu.Lock()
	ended := s.closed
	s.closed = true
	s.changed()
	s.mu.Unlock()
	if !ended {
		s.client.drop(s.id)
	}
}

// take returns the next event or the subscription's end, or the channel that is closed when there may be one.
func (s *Subscription) take() (event protocol.JobEvent, arrived <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return event, nil, ErrClosed
	case len(s.events) > 0:
		event = s.events[0]
		s.events = s.events[1:]
		s.cursor = event.Cursor
		return event, nil, nil
	case s.lag:
		return event, nil, &LaggedError{JobID: s.Result.Snapshot.JobID, Cursor: s.cursor}
	case s.finalAt > 0 && s.finalAt >= s.Result.Cursor:
		return event, nil, io.EOF
	}
	return event, s.arrived, nil
}

// begin completes a subscription to which events may have been delivered already. A job that was final in the snapshot
// has no events after it.
func (s *Subscription) begin(result protocol.SubscribeResult, after *int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Result = result
	s.cursor = result.Cursor
	if after != nil {
		s.cursor = *after
	}
	if result.Snapshot.Status.Final() && s.cursor >= result.Cursor {
		s.finalAt = result.Cursor
	}
	s.changed()
}

func (s *Subscription) add(event protocol.JobEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lag || s.closed {
		return
	}
	if len(s.events) >= maxPendingEvents {
		s.lag = true
	} else {
		s.events = append(s.events, event)
		if event.Type == protocol.EventState && event.Status != nil && event.Status.Status.Final() {
			s.finalAt = event.Cursor
		}
	}
	s.changed()
}

func (s *Subscription) setLagged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag = true
	s.changed()
}

// changed wakes Next. The caller holds the mutex.
func (s *Subscription) changed() {
	close(s.arrived)
	s.arrived = make(chan struct{})
}

// received sees every answer before the next message is read, so that a subscription exists before its first event
// comes.
func (c *Client) received(request *jsonrpc2.Request, answer *jsonrpc2.Response) {
	if request == nil || answer == nil || request.Method != protocol.MethodJobSubscribe || answer.Result == nil {
		return
	}
	var result struct {
		SubscriptionID string `json:"subscription_id"`
	}
	if json.Unmarshal(*answer.Result, &result) != nil || result.SubscriptionID == "" {
		return
	}
	if !c.register(request.ID, result.SubscriptionID) {
		c.unsubscribe(result.SubscriptionID) // nobody waits for it any more
	}
}

func (c *Client) register(callID jsonrpc2.ID, id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, awaited := c.subscribing[callID]; !awaited {
		return false
	}
	c.subscribing[callID] = id
	c.subscriptions[id] = &Subscription{id: id, client: c, arrived: make(chan struct{})}
	return true
}

// claim ends the wait for a call's subscription, and returns it if it has come.
func (c *Client) claim(callID jsonrpc2.ID) *Subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := c.subscribing[callID]
	delete(c.subscribing, callID)
	return c.subscriptions[id]
}

func (c *Client) deliver(params json.RawMessage) {
	var notification protocol.JobEventParams
	if json.Unmarshal(params, &notification) != nil {
		return // from a daemon that speaks otherwise; the handshake's version is there to exclude it
	}
	if subscription := c.subscription(notification.SubscriptionID); subscription != nil {
		subscription.add(notification.Event)
	}
}

func (c *Client) lagged(params json.RawMessage) {
	var notification protocol.LaggedParams
	if json.Unmarshal(params, &notification) != nil {
		return
	}
	if subscription := c.subscription(notification.SubscriptionID); subscription != nil {
		subscription.setLagged()
	}
}

func (c *Client) subscription(id string) *Subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subscriptions[id]
}

func (c *Client) drop(id string) {
	c.mu.Lock()
	delete(c.subscriptions, id)
	c.mu.Unlock()
	c.unsubscribe(id)
}

// unsubscribe does not wait for the answer, which tells nothing: the subscription is over in any case.
func (c *Client) unsubscribe(id string) {
	_, _ = c.dispatch(context.Background(), c.nextID(), protocol.MethodJobUnsubscribe, protocol.UnsubscribeParams{SubscriptionID: id})
}
