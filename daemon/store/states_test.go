package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

// attempts are the ways to do each action to a job.
var attempts = map[action]func(*testing.T, *Store, string) error{
	start: func(t *testing.T, s *Store, id string) error {
		_, err := s.StartJob(t.Context(), id, Start{AdapterID: "adapter-of-" + id, Device: "cpu"})
		return err
	},
	complete: func(t *testing.T, s *Store, id string) error {
		_, err := s.CompleteJob(t.Context(), id, protocol.AdapterArtifact{ID: "adapter-of-" + id, JobID: id, Name: id})
		return err
	},
	fail: func(t *testing.T, s *Store, id string) error {
		_, err := s.FailJob(t.Context(), id, protocol.NewError(protocol.CodeInternal, "because"))
		return err
	},
	cancel: func(t *testing.T, s *Store, id string) error {
		_, err := s.CancelJob(t.Context(), id, protocol.NewError(protocol.CodeCancelled, "because"))
		return err
	},
	pause: func(t *testing.T, s *Store, id string) error {
		_, err := s.PauseJob(t.Context(), id, protocol.Waiting{Reason: protocol.WaitUser, Message: "because"})
		return err
	},
	requeue: func(t *testing.T, s *Store, id string) error {
		_, err := s.RequeueJob(t.Context(), id, Requeue{})
		return err
	},
	resume: func(t *testing.T, s *Store, id string) error {
		_, err := s.ResumeJob(t.Context(), id)
		return err
	},
	retry: func(t *testing.T, s *Store, id string) error {
		_, err := s.RetryJob(t.Context(), id)
		return err
	},
	setPriority: func(t *testing.T, s *Store, id string) error {
		_, err := s.SetPriority(t.Context(), id, 7)
		return err
	},
	remove: func(t *testing.T, s *Store, id string) error {
		if err := s.DeleteAdapter(t.Context(), "adapter-of-"+id); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		return s.DeleteJob(t.Context(), id)
	},
}

// reach brings a fresh job to a state by allowed moves.
func reach(t *testing.T, s *Store, id string, status protocol.Status) {
	t.Helper()
	mustCreate(t, s, newJob(id, id))
	by := map[protocol.Status][]action{
		protocol.StatusRunning: {start}, protocol.StatusPaused: {start, pause}, protocol.StatusCompleted: {start, complete},
		protocol.StatusFailed: {start, fail}, protocol.StatusCancelled: {start, cancel},
	}
	for _, a := range by[status] {
		if err := attempts[a](t, s, id); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEveryActionInEveryState expects just those moves that a job's life has, each with one event more.
func TestEveryActionInEveryState(t *testing.T) {
	t.Parallel()
	const q, r, p, c, f, x, gone = protocol.StatusQueued, protocol.StatusRunning, protocol.StatusPaused, protocol.StatusCompleted,
		protocol.StatusFailed, protocol.StatusCancelled, protocol.Status("gone")
	allowed := map[action]map[protocol.Status]protocol.Status{
		start:       {q: r},
		complete:    {r: c},
		fail:        {q: f, r: f, p: f},
		cancel:      {q: x, r: x, p: x},
		pause:       {q: p, r: p},
		requeue:     {r: q},
		resume:      {p: q},
		retry:       {f: q, x: q},
		setPriority: {q: q, r: r, p: p},
		remove:      {c: gone, f: gone, x: gone},
	}
	s := openTest(t)
	for a, attempt := range attempts {
		for _, from := range protocol.Statuses {
			id := strings.ReplaceAll(fmt.Sprintf("%s-%s", from, a), " ", "-")
			reach(t, s, id, from)
			before, err := s.Job(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			err = attempt(t, s, id)
			after, readErr := s.Job(t.Context(), id)
			to, fine := allowed[a][from]
			var refused *TransitionError
			switch {
			case fine && to == gone:
				if err != nil || !errors.Is(readErr, ErrNotFound) {
					t.Errorf("%s: %v; then %v", id, err, readErr)
				}
				continue
			case readErr != nil:
				t.Fatal(readErr)
			case fine:
				if err != nil || after.Job.Status != to || after.LastCursor != before.LastCursor+1 {
					t.Errorf("%s: %v; job %+v", id, err, after.Job.TrainingStatus)
				}
			case !errors.As(err, &refused) || refused.From != from || refused.To != transitions[a].to || !strings.HasSuffix(err.Error(), "cannot be "+string(a)):
				t.Errorf("%s gave %v, want a refusal that names the state", id, err)
			case after.Job.Status != from || after.LastCursor != before.LastCursor:
				t.Errorf("%s was refused and left %+v", id, after.Job.TrainingStatus)
			}
			if (after.Job.CompletedAt != nil) != after.Job.Status.Final() {
				t.Errorf("%s: completed at %v", id, after.Job.CompletedAt)
			}
		}
	}
	mustBeSound(t, s)
}

func TestDatabaseTiesCompletionTimeToFinalStates(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	mustCreate(t, s, newJob("job-1", "n"))
	for _, statement := range []string{
		`UPDATE jobs SET status = 'failed'`,
		`UPDATE jobs SET completed_at = 1`,
		`UPDATE jobs SET status = 'asleep'`,
	} {
		if _, err := s.write.Exec(statement); err == nil {
			t.Errorf("%s was accepted", statement)
		}
	}
}

func TestRequestCancel(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	reason := protocol.NewError(protocol.CodeCancelled, "cancelled by a test")
	for _, status := range []protocol.Status{protocol.StatusQueued, protocol.StatusPaused} {
		reach(t, s, string(status), status)
		record, err := s.RequestCancel(t.Context(), string(status), reason)
		if err != nil || record.Job.Status != protocol.StatusCancelled || record.Job.Error.Code != protocol.CodeCancelled || record.Job.Waiting != nil {
			t.Fatalf("%s: %+v, %v", status, record, err)
		}
	}
	reach(t, s, "running", protocol.StatusRunning)
	for range 2 {
		if _, err := s.RequestCancel(t.Context(), "running", reason); err != nil {
			t.Fatal(err)
		}
	}
	record, err := s.Job(t.Context(), "running")
	if err != nil || record.Job.Status != protocol.StatusRunning || !record.CancelRequested || record.LastCursor != 3 {
		t.Fatalf("running: %+v, %v; want one request remembered", record, err)
	}
	var refused *TransitionError
	if _, err := s.RequestCancel(t.Context(), "queued", reason); !errors.As(err, &refused) || refused.From != protocol.StatusCancelled {
		t.Fatalf("a final job: %v", err)
	}
	if record, err = s.CancelJob(t.Context(), "running", reason); err != nil || record.CancelRequested {
		t.Fatalf("the request outlives the run: %+v, %v", record, err)
	}
	mustBeSound(t, s)
}

// TestRequestsOutliveTheRun has a worker end by itself after somebody asked for something else.
func TestRequestsOutliveTheRun(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	toCancel := func(id string) error {
		_, err := s.RequestCancel(t.Context(), id, protocol.NewError(protocol.CodeCancelled, "no more"))
		return err
	}
	toPause := func(id string) error {
		_, err := s.RequestPause(t.Context(), id, protocol.Waiting{Reason: protocol.WaitUser, Message: "later"})
		return err
	}
	for i, test := range []struct {
		requests []func(string) error
		end      action
		want     protocol.Status
	}{
		{nil, requeue, protocol.StatusQueued},
		{[]func(string) error{toPause}, requeue, protocol.StatusPaused},
		{[]func(string) error{toPause}, complete, protocol.StatusCompleted},
		{[]func(string) error{toCancel}, requeue, protocol.StatusCancelled},
		{[]func(string) error{toCancel}, pause, protocol.StatusCancelled},
		{[]func(string) error{toCancel, toPause}, requeue, protocol.StatusCancelled},
		{[]func(string) error{toCancel, toPause}, fail, protocol.StatusFailed},
	} {
		id := fmt.Sprintf("job-%d", i)
		reach(t, s, id, protocol.StatusRunning)
		for _, request := range test.requests {
			if err := request(id); err != nil {
				t.Fatal(err)
			}
		}
		if err := attempts[test.end](t, s, id); err != nil {
			t.Fatal(err)
		}
		record, err := s.Job(t.Context(), id)
		if err != nil || record.Job.Status != test.want || record.CancelRequested || record.PauseRequested != nil {
			t.Errorf("%d: %+v, %v; want %s", i, record, err, test.want)
		}
		if test.want == protocol.StatusPaused && (record.Job.Waiting == nil || record.Job.Waiting.Message != "later") {
			t.Errorf("%d: paused because of %+v", i, record.Job.Waiting)
		}
	}
	mustBeSound(t, s)
}
