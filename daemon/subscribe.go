package daemon

import (
	"context"
	"fmt"
	"sync"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// followPage is how many events a follower holds in memory at a time.
const followPage = 256

// followers are the subscriptions of all sessions. Each is served by one goroutine with a cursor of its own.
type followers struct {
	serving sync.WaitGroup

	mu        sync.Mutex
	lastID    int
	bySession map[uint64]map[string]context.CancelFunc // by session and subscription id
}

func newFollowers() followers {
	return followers{bySession: map[uint64]map[string]context.CancelFunc{}}
}

// subscribe answers job/subscribe. Snapshot and cursor are of one row, so the events after the cursor are just what the
// snapshot lacks. The first event cannot overtake the answer; package rpc sees to it.
func (d *daemon) subscribe(ctx context.Context, session *rpc.Session, params *protocol.SubscribeParams) (any, error) {
	record, err := d.findJob(ctx, params.ID)
	if err != nil {
		return nil, err
	}
	cursor := record.LastCursor
	if params.After != nil {
		if *params.After < 0 || *params.After > record.LastCursor {
			return nil, outOfRange("after", *params.After, 0, record.LastCursor)
		}
		cursor = *params.After
	}
	job, err := d.jobOf(ctx, record)
	if err != nil {
		return nil, err
	}
	complete := job.Status.Final() && cursor == record.LastCursor
	id, err := d.followers.add(session, complete, func(following context.Context, id string) {
		d.follow(following, session, id, job.JobID, cursor, record.LastCursor)
	})
	if err != nil {
		return nil, err
	}
	return &protocol.SubscribeResult{SubscriptionID: id, Snapshot: *job, Cursor: record.LastCursor}, nil
}

// unsubscribe answers job/unsubscribe. A subscription that has ended by itself is no error: it may have done so while
// the call was on its way.
func (d *daemon) unsubscribe(_ context.Context, session *rpc.Session, params *protocol.UnsubscribeParams) (any, error) {
	if params.SubscriptionID == "" {
		return nil, missingField("subscription_id", "the one that job/subscribe has given")
	}
	d.followers.remove(session.ID(), params.SubscriptionID)
	return struct{}{}, nil
}

// follow sends a job's events after a cursor, until the final one is sent or ctx ends. A final one before known is not the
// last: the job was tried again.
func (d *daemon) follow(ctx context.Context, session *rpc.Session, id, jobID string, cursor, known int64) {
	d.farewell.enter()
	defer d.farewell.leave()
	watch := d.hub.watch(jobID)
	defer watch.stop()
	for over := false; ; {
		events, err := d.store.Events(ctx, jobID, cursor, followPage)
		if err != nil && ctx.Err() == nil {
			d.logger.Error("cannot read events for a subscriber", "job", jobID, "error", err)
			_ = session.Notify(ctx, protocol.NotifyLagged, protocol.LaggedParams{SubscriptionID: id, Cursor: cursor}) // the session may be gone too
		}
		if err != nil {
			return
		}
		for _, event := range events {
			if session.Notify(ctx, protocol.NotifyJobEvent, protocol.JobEventParams{SubscriptionID: id, Event: event}) != nil {
				return // the session has ended, or the subscription
			}
			cursor = event.Cursor
			if event.Type == protocol.EventState && event.Status.Status.Final() && cursor >= known {
				return
			}
		}
		if len(events) > 0 {
			continue
		}
		if over {
			return
		}
		select {
		case <-watch.C:
		case <-d.farewell.over:
			over = true
		case <-ctx.Done():
			return
		}
	}
}

// add gives a subscription an id and, unless it is complete from the start, runs serve in a goroutine.
func (f *followers) add(session *rpc.Session, complete bool, serve func(ctx context.Context, id string)) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	of := f.bySession[session.ID()]
	if len(of) >= rpc.MaxSubscriptions {
		return "", protocol.NewError(protocol.CodeQuotaExceeded, "this connection has %d subscriptions, which is the limit", len(of)).
			WithHint("end one with job/unsubscribe, or open another connection")
	}
	f.lastID++
	id := fmt.Sprintf("subscription-%d", f.lastID)
	if complete {
		return id, nil
	}
	if of == nil {
		of = map[string]context.CancelFunc{}
		f.bySession[session.ID()] = of
	}
	ctx, cancel := context.WithCancel(session.Context())
	of[id] = cancel
	f.serving.Go(func() {
		defer f.remove(session.ID(), id)
		serve(ctx, id)
	})
	return id, nil
}

func (f *followers) remove(sessionID uint64, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cancel, found := f.bySession[sessionID][id]; found {
		cancel()
		delete(f.bySession[sessionID], id)
	}
	if len(f.bySession[sessionID]) == 0 {
		delete(f.bySession, sessionID)
	}
}

// forget ends every subscription of a session that is gone.
func (f *followers) forget(sessionID uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, cancel := range f.bySession[sessionID] {
		cancel()
	}
	delete(f.bySession, sessionID)
}

// wait returns when no subscription is served any more. Every session must have ended.
func (f *followers) wait() { f.serving.Wait() }
