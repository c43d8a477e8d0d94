package store

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

var (
	byUser = protocol.Waiting{Reason: protocol.WaitUser, Message: "paused by a test"}
	byDisk = protocol.Waiting{Reason: protocol.WaitDisk, Message: "the disk is full"}
)

func TestRequestPause(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		from     protocol.Status
		requests []protocol.Waiting
		status   protocol.Status
		why      protocol.Waiting
		events   int64 // more than before
	}{
		{"queued", protocol.StatusQueued, []protocol.Waiting{byUser}, protocol.StatusPaused, byUser, 1},
		{"running", protocol.StatusRunning, []protocol.Waiting{byUser}, protocol.StatusRunning, byUser, 1},
		{"running twice", protocol.StatusRunning, []protocol.Waiting{byDisk, byDisk}, protocol.StatusRunning, byDisk, 1},
		{"running, then a person", protocol.StatusRunning, []protocol.Waiting{byDisk, byUser}, protocol.StatusRunning, byUser, 2},
		{"running, a person first", protocol.StatusRunning, []protocol.Waiting{byUser, byDisk}, protocol.StatusRunning, byUser, 1},
		{"paused, then a person", protocol.StatusQueued, []protocol.Waiting{byDisk, byUser}, protocol.StatusPaused, byUser, 2},
		{"paused by a person, then disk", protocol.StatusQueued, []protocol.Waiting{byUser, byDisk}, protocol.StatusPaused, byUser, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "scu.db")
			s, err := Open(t.Context(), path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			reach(t, s, "j", test.from)
			before, err := s.Job(t.Context(), "j")
			if err != nil {
				t.Fatal(err)
			}
			for _, why := range test.requests {
				if _, err := s.RequestPause(t.Context(), "j", why); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil { // as the daemon may at any moment
				t.Fatal(err)
			}
			s = openAt(t, path, Options{})
			record, err := s.Job(t.Context(), "j")
			if err != nil || record.Job.Status != test.status || record.LastCursor != before.LastCursor+test.events {
				t.Fatalf("%+v, %v", record, err)
			}
			why := record.Job.Waiting
			if test.status == protocol.StatusRunning {
				why = record.PauseRequested
			}
			if why == nil || *why != test.why {
				t.Errorf("because of %+v, want %+v", why, test.why)
			}
			mustBeSound(t, s)
		})
	}
	s := openTest(t)
	reach(t, s, "j", protocol.StatusFailed)
	var refused *TransitionError
	if _, err := s.RequestPause(t.Context(), "j", byUser); !errors.As(err, &refused) || refused.To != protocol.StatusPaused {
		t.Errorf("a failed job: %v", err)
	}
}

// TestPlaceInTheQueue follows since when a job waits.
func TestPlaceInTheQueue(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	clock := time.UnixMicro(1_000_000).UTC()
	s.now = func() time.Time { return clock }
	reach(t, s, "j", protocol.StatusQueued)
	created := clock
	pauseFor := func(why protocol.Waiting) func() error {
		return func() error {
			_, err := s.PauseJob(t.Context(), "j", why)
			return err
		}
	}
	afterDisk := func() error {
		_, err := s.ResumeAfterDisk(t.Context(), "j")
		return err
	}
	do := func(a action) func() error { return func() error { return attempts[a](t, s, "j") } }
	for i, step := range []struct {
		do    func() error
		moved bool // it waits from now on
	}{
		{do(start), false},
		{do(requeue), false}, // the daemon ended: it keeps its place
		{pauseFor(byDisk), false},
		{afterDisk, false}, // nor is it to blame for a full disk
		{pauseFor(byDisk), false},
		{do(resume), true}, // but a person may let it try all the same
		{pauseFor(byUser), false},
		{do(resume), true},
		{do(cancel), false},
		{do(retry), true},
	} {
		clock = clock.Add(time.Minute)
		if err := step.do(); err != nil {
			t.Fatal(i, err)
		}
		if step.moved {
			created = clock
		}
		record, err := s.Job(t.Context(), "j")
		if err != nil || !record.QueuedAt.Equal(created) {
			t.Fatalf("step %d: waits since %v, %v; want %v", i, record.QueuedAt, err, created)
		}
	}
}

// TestOnlyThePauseForDiskEndsByItself lets a person's wish come between the end of a full disk and the job's return.
func TestOnlyThePauseForDiskEndsByItself(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	for _, status := range protocol.Statuses {
		id := string(status)
		reach(t, s, id, status)
		if status == protocol.StatusPaused {
			if _, err := s.RequestPause(t.Context(), id, byUser); err != nil {
				t.Fatal(err)
			}
		}
		before, err := s.Job(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		var refused *TransitionError
		_, err = s.ResumeAfterDisk(t.Context(), id)
		if !errors.As(err, &refused) || refused.From != status {
			t.Errorf("%s: %v", id, err)
		}
		if after, err := s.Job(t.Context(), id); err != nil || after.LastCursor != before.LastCursor {
			t.Errorf("%s: %+v, %v", id, after, err)
		}
	}
}

func TestRequeueAfterCrashes(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	reach(t, s, "j", protocol.StatusRunning)
	until := time.UnixMicro(5_000_000).UTC()
	waiting := &protocol.Waiting{Reason: protocol.WaitBackoff, Message: "tried again soon", Until: &until}
	record, err := s.RequeueJob(t.Context(), "j", Requeue{Waiting: waiting, Crash: &Crash{Signature: "segv", Step: 3}})
	if err != nil || record.Job.Status != protocol.StatusQueued || record.Retries != 1 || record.NotBefore == nil || !record.NotBefore.Equal(until) ||
		record.LastCrash == nil || *record.LastCrash != (Crash{"segv", 3}) || record.Job.Waiting == nil || record.Job.Attempts != 1 {
		t.Fatalf("%+v, %v", record, err)
	}
	started := record.Job.StartedAt
	record, err = s.StartJob(t.Context(), "j", Start{AdapterID: "a2", Device: "cuda:1"})
	if err != nil || record.NotBefore != nil || record.Job.Waiting != nil || record.Job.Attempts != 2 || record.Job.Device != "cuda:1" ||
		record.Device != "cpu" || !record.Job.StartedAt.Equal(*started) || record.AdapterID != "a2" {
		t.Fatalf("%+v, %v", record, err)
	}
	record, err = s.RequeueJob(t.Context(), "j", Requeue{}) // the daemon ended, which does not make the crash forgotten
	if err != nil || record.Retries != 1 || record.LastCrash == nil || record.Job.Waiting != nil || record.NotBefore != nil {
		t.Fatalf("%+v, %v", record, err)
	}
	if err := attempts[fail](t, s, "j"); err != nil {
		t.Fatal(err)
	}
	record, err = s.RetryJob(t.Context(), "j")
	if err != nil || record.Retries != 0 || record.LastCrash != nil || record.Job.Error != nil || record.Job.Attempts != 2 || record.Job.StartedAt != nil {
		t.Fatalf("%+v, %v", record, err)
	}
	mustBeSound(t, s)
}

func TestPriorityAndMemoryAreKept(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	n := newJob("j", "j")
	n.Spec.Priority = 5
	if record := mustCreate(t, s, n); record.Job.Priority != 5 || record.MemoryBytes != 1000 || record.Owner != "local" || record.Device != "cpu" {
		t.Fatalf("%+v", record)
	}
	if err := s.RecordMemory(t.Context(), "j", 7); !errors.Is(err, ErrNotRunning) {
		t.Errorf("memory of a queued job: %v", err)
	}
	if _, err := s.SetPriority(t.Context(), "j", -3); err != nil {
		t.Fatal(err)
	}
	mustStart(t, s, "j")
	if err := s.RecordMemory(t.Context(), "j", -1); err == nil {
		t.Error("negative memory was taken")
	}
	if err := s.RecordMemory(t.Context(), "j", 7); err != nil {
		t.Fatal(err)
	}
	record, err := s.Job(t.Context(), "j")
	if err != nil || record.Job.Priority != -3 || record.MemoryBytes != 7 || record.Job.Spec.Priority != 5 {
		t.Errorf("%+v, %v", record, err)
	}
	events := allEvents(t, s, "j", 10)
	if told := events[1].Status; told == nil || told.Priority != -3 {
		t.Errorf("events %+v", events)
	}
}

func TestQueueStaysPaused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "scu.db")
	for _, paused := range []bool{false, true, true, false} {
		s, err := Open(t.Context(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetQueuePaused(t.Context(), paused); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openAt(t, path, Options{})
		if got, err := s.QueuePaused(t.Context()); err != nil || got != paused {
			t.Errorf("paused is %v, %v; want %v", got, err, paused)
		}
	}
	if got, err := openTest(t).QueuePaused(t.Context()); err != nil || got {
		t.Errorf("a new store's queue is paused: %v, %v", got, err)
	}
}
