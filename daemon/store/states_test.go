package store

import (
	"errors"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

// reach brings a fresh job to a state by allowed moves.
func reach(t *testing.T, s *Store, id string, status protocol.Status) {
	t.Helper()
	mustCreate(t, s, newJob(id, id))
	if status == protocol.StatusQueued {
		return
	}
	mustStart(t, s, id)
	if status != protocol.StatusRunning {
		if err := attempt(t, s, id, status); err != nil {
			t.Fatal(err)
		}
	}
}

func attempt(t *testing.T, s *Store, id string, to protocol.Status) (err error) {
	t.Helper()
	reason := protocol.NewError(protocol.CodeInternal, "because")
	switch to {
	case protocol.StatusQueued:
		_, err = s.RetryJob(t.Context(), id)
	case protocol.StatusRunning:
		_, err = s.StartJob(t.Context(), id, "again-"+id)
	case protocol.StatusCompleted:
		_, err = s.CompleteJob(t.Context(), id, protocol.AdapterArtifact{ID: "adapter-of-" + id, JobID: id, Name: id})
	case protocol.StatusFailed:
		_, err = s.FailJob(t.Context(), id, reason)
	case protocol.StatusCancelled:
		_, err = s.CancelJob(t.Context(), id, reason)
	}
	return err
}

// TestEveryMove tries every pair of states through the store and expects just those that a job's life has.
func TestEveryMove(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	allowed := map[string]bool{
		"queued→running": true, "queued→failed": true, "queued→cancelled": true,
		"running→completed": true, "running→failed": true, "running→cancelled": true,
		"failed→queued": true, "cancelled→queued": true,
	}
	from := []protocol.Status{protocol.StatusQueued, protocol.StatusRunning, protocol.StatusCompleted, protocol.StatusFailed, protocol.StatusCancelled}
	for _, a := range from {
		for _, b := range from {
			pair := string(a + "→" + b)
			id := "job-" + pair
			reach(t, s, id, a)
			before, err := s.Job(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			err = attempt(t, s, id, b)
			after, readErr := s.Job(t.Context(), id)
			if readErr != nil {
				t.Fatal(readErr)
			}
			var refused *TransitionError
			switch {
			case allowed[pair]:
				if err != nil || after.Job.Status != b || after.LastCursor != before.LastCursor+1 {
					t.Errorf("%s: %v; job %+v", pair, err, after.Job.TrainingStatus)
				}
			case !errors.As(err, &refused) || refused.From != a || refused.To != b:
				t.Errorf("%s gave %v, want a refusal that names both states", pair, err)
			case after.Job.Status != a || after.LastCursor != before.LastCursor:
				t.Errorf("%s was refused and left %+v", pair, after.Job.TrainingStatus)
			}
			if (after.Job.CompletedAt != nil) != after.Job.Status.Final() {
				t.Errorf("%s: completed at %v", pair, after.Job.CompletedAt)
			}
		}
	}
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
	reach(t, s, "queued", protocol.StatusQueued)
	record, err := s.RequestCancel(t.Context(), "queued", reason)
	if err != nil || record.Job.Status != protocol.StatusCancelled || record.Job.Error.Code != protocol.CodeCancelled {
		t.Fatalf("queued: %+v, %v", record, err)
	}
	reach(t, s, "running", protocol.StatusRunning)
	for range 2 {
		if _, err := s.RequestCancel(t.Context(), "running", reason); err != nil {
			t.Fatal(err)
		}
	}
	record, err = s.Job(t.Context(), "running")
	if err != nil || record.Job.Status != protocol.StatusRunning || !record.CancelRequested || record.LastCursor != 3 {
		t.Fatalf("running: %+v, %v; want one request remembered", record, err)
	}
	var refused *TransitionError
	if _, err := s.RequestCancel(t.Context(), "queued", reason); !errors.As(err, &refused) || refused.From != protocol.StatusCancelled {
		t.Fatalf("a final job: %v", err)
	}
}
