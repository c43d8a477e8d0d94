package store

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
)

// rowsOf counts what the database has of a job.
func rowsOf(t *testing.T, s *Store, id string) (rows int) {
	t.Helper()
	err := s.read.QueryRow(`SELECT (SELECT count(*) FROM jobs WHERE id = ?1) + (SELECT count(*) FROM events WHERE job_id = ?1) +
	(SELECT count(*) FROM training_metrics WHERE job_id = ?1) + (SELECT count(*) FROM adapters WHERE job_id = ?1)`, id).Scan(&rows)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestDeleteJobLeavesOnlyItsUsage(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	reach(t, s, "other", protocol.StatusFailed)
	reach(t, s, "j", protocol.StatusRunning)
	frames := stepFrames(1, 2*chunkRows+1)
	for range chunkRows {
		frames = append(frames, frame.Event{Log: &frame.Log{Message: "x"}})
	}
	if err := s.RecordFrames(t.Context(), "j", frames); err != nil {
		t.Fatal(err)
	}
	if err := attempts[complete](t, s, "j"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteJob(t.Context(), "j"); !errors.Is(err, ErrHasAdapter) {
		t.Fatalf("with an adapter: %v", err)
	}
	if err := s.DeleteAdapter(t.Context(), "adapter-of-j"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteAdapter(t.Context(), "adapter-of-j"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the second time: %v", err)
	}
	if record, err := s.Job(t.Context(), "j"); err != nil || record.Job.AdapterID != "" || record.Job.Status != protocol.StatusCompleted {
		t.Errorf("without its adapter: %+v, %v", record, err)
	}
	mustBeSound(t, s)
	if err := s.DeleteJob(t.Context(), "j"); err != nil {
		t.Fatal(err)
	}
	if rows := rowsOf(t, s, "j"); rows != 0 {
		t.Errorf("%d rows are left", rows)
	}
	if rows := rowsOf(t, s, "other"); rows != 4 {
		t.Errorf("%d rows of another job are left, want 4", rows)
	}
	runs, _, err := s.Usage(t.Context(), UsageQuery{Limit: 10})
	if err != nil || len(runs) != 2 || !slices.ContainsFunc(runs, func(r protocol.UsageRecord) bool { return r.JobID == "j" && r.Steps == 2*chunkRows+1 }) {
		t.Errorf("usage %+v, %v", runs, err)
	}
	if err := s.DeleteJob(t.Context(), "j"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the second time: %v", err)
	}
	mustBeSound(t, s)
}

func TestDeletionThatWasCutOffIsFinished(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	reach(t, s, "j", protocol.StatusRunning)
	if err := s.RecordFrames(t.Context(), "j", stepFrames(1, 10)); err != nil {
		t.Fatal(err)
	}
	if err := attempts[fail](t, s, "j"); err != nil {
		t.Fatal(err)
	}
	if err := s.BeginDeletion(t.Context(), "j"); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.DeleteJob(gone, "j"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	mustBeSound(t, s)
	var refused *TransitionError
	if _, err := s.RetryJob(t.Context(), "j"); !errors.As(err, &refused) {
		t.Errorf("a job that is being deleted was tried again: %v", err)
	}
	ids, err := s.UnfinishedDeletions(t.Context())
	if err != nil || !slices.Equal(ids, []string{"j"}) {
		t.Fatalf("unfinished: %v, %v", ids, err)
	}
	if err := s.DeleteJob(t.Context(), "j"); err != nil {
		t.Fatal(err)
	}
	if rows := rowsOf(t, s, "j"); rows != 0 {
		t.Errorf("%d rows are left", rows)
	}
}

func TestAdapterBytesByOwner(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	for id, owner := range map[string]string{"a1": "alice", "a2": "alice", "b1": "bob"} {
		n := newJob(id, id)
		n.Owner = owner
		mustCreate(t, s, n)
		mustStart(t, s, id)
		if _, err := s.CompleteJob(t.Context(), id, protocol.AdapterArtifact{ID: "adapter-of-" + id, JobID: id, Name: id, SizeBytes: 10}); err != nil {
			t.Fatal(err)
		}
	}
	for owner, want := range map[string]int64{"alice": 20, "bob": 10, "nobody": 0} {
		if got, err := s.AdapterBytes(t.Context(), owner); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", owner, got, err, want)
		}
	}
}
