package daemon

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// read takes events until one is fit to stop at or the subscription ends, and fails on a gap or a repeat.
func read(t *testing.T, subscription *rpc.Subscription, cursor int64, stop func(protocol.JobEvent) bool) (last int64, ended bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		event, err := subscription.Next(ctx)
		if errors.Is(err, io.EOF) {
			return cursor, true
		}
		if err != nil {
			t.Fatalf("after cursor %d: %v", cursor, err)
		}
		if event.Cursor != cursor+1 {
			t.Fatalf("cursor %d after %d", event.Cursor, cursor)
		}
		cursor = event.Cursor
		if stop(event) {
			return cursor, false
		}
	}
}

func never(protocol.JobEvent) bool { return false }

func TestSubscriberComesBackWithItsCursor(t *testing.T) {
	t.Parallel()
	d, first := startAndConnect(t)
	s, open := gated(t, script{Steps: 600})
	job := mustCreate(t, first, s)
	beginning := int64(0)
	subscription, err := first.Subscribe(t.Context(), job.Name, &beginning)
	if err != nil {
		t.Fatal(err)
	}
	cursor, _ := read(t, subscription, 0, func(e protocol.JobEvent) bool { return e.Metrics != nil && e.Metrics.Step == 100 })
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := connect(t, d.home)
	open()
	mustWait(t, second, job.JobID)
	if subscription, err = second.Subscribe(t.Context(), job.JobID, &cursor); err != nil {
		t.Fatal(err)
	}
	last, ended := read(t, subscription, cursor, never)
	if events := allEvents(t, second, job.JobID); !ended || last != int64(len(events)) {
		t.Errorf("read to cursor %d of %d", last, len(events))
	}
}

func TestSnapshotAndEventsFitTogether(t *testing.T) {
	t.Parallel()
	_, client := startAndConnect(t)
	s, open := gated(t, script{Steps: 50})
	job := mustCreate(t, client, s)
	subscription, err := client.Subscribe(t.Context(), job.JobID, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := subscription.Result.Snapshot.Step // whatever it is by now
	steps := before
	open()
	_, ended := read(t, subscription, subscription.Result.Cursor, func(e protocol.JobEvent) bool {
		if e.Metrics != nil {
			if steps++; e.Metrics.Step != steps {
				t.Errorf("step %d, want %d", e.Metrics.Step, steps)
			}
		}
		return false
	})
	if !ended || steps != 50 {
		t.Errorf("followed to step %d, ended %v", steps, ended)
	}
	// A job that is final already has nothing to follow.
	if subscription, err = client.Subscribe(t.Context(), job.JobID, nil); err != nil {
		t.Fatal(err)
	}
	if _, ended := read(t, subscription, subscription.Result.Cursor, never); !ended || !subscription.Result.Snapshot.Status.Final() {
		t.Errorf("a final job's subscription: ended %v, snapshot %+v", ended, subscription.Result.Snapshot.TrainingStatus)
	}
}

func TestSubscriptionsOfASessionAreLimited(t *testing.T) {
	t.Parallel()
	d, client := startAndConnect(t)
	job := mustCreate(t, client, spec(t, script{Forget: true}))
	var last *rpc.Subscription
	for range rpc.MaxSubscriptions {
		var err error
		if last, err = client.Subscribe(t.Context(), job.JobID, nil); err != nil {
			t.Fatal(err)
		}
	}
	_, err := client.Subscribe(t.Context(), job.JobID, nil)
	wantCode(t, err, protocol.CodeQuotaExceeded, "64")
	if _, err := connect(t, d.home).Subscribe(t.Context(), job.JobID, nil); err != nil {
		t.Errorf("another session: %v", err)
	}
	for range 2 { // the second time it is gone already, which is fine
		params := protocol.UnsubscribeParams{SubscriptionID: last.Result.SubscriptionID}
		if err := client.Call(t.Context(), protocol.MethodJobUnsubscribe, params, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Subscribe(t.Context(), job.JobID, nil); err != nil {
		t.Errorf("after unsubscribing: %v", err)
	}
}

func TestMetricsInPages(t *testing.T) {
	t.Parallel()
	_, client := startAndConnect(t)
	job := mustWait(t, client, mustCreate(t, client, spec(t, script{Steps: 10})).JobID)
	page, err := client.Metrics(t.Context(), protocol.MetricsParams{ID: job.Name, From: 2, Limit: 4})
	if err != nil || len(page.Metrics) != 4 || page.Metrics[0].Step != 2 || !page.More || page.JobID != job.JobID {
		t.Errorf("first page %+v, %v", page, err)
	}
	page, err = client.Metrics(t.Context(), protocol.MetricsParams{ID: job.Name, From: 6, To: 9, Limit: 4})
	if err != nil || len(page.Metrics) != 4 || page.Metrics[3].Step != 9 || page.More {
		t.Errorf("last page %+v, %v", page, err)
	}
}

func TestPagesFitIntoAFrame(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\x01", maxMessageBytes) // six bytes each in JSON
	events := make([]protocol.JobEvent, 1000)
	for i := range events {
		events[i] = protocol.JobEvent{Cursor: int64(i + 1), Message: long}
	}
	page := fitting(events)
	if len(page) == 0 || len(page) == len(events) || len(page)*6*len(long) > protocol.MaxFrameBytes {
		t.Errorf("a page of %d events", len(page))
	}
	newest := newestFitting(events)
	if len(newest) == 0 || newest[len(newest)-1].Cursor != 1000 || len(newest)*6*len(long) > protocol.MaxFrameBytes {
		t.Errorf("%d newest messages", len(newest))
	}
	if got := clipMessage(strings.Repeat("é", maxMessageBytes)); len(got) > maxMessageBytes+30 || !strings.HasSuffix(got, "(8192 bytes)") || strings.Contains(got, "\uFFFD") {
		t.Errorf("clipped to %d bytes: …%s", len(got), got[len(got)-30:])
	}
}
