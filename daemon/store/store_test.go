package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/shannon-labs/scu/protocol"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openTest(t *testing.T) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "scu.db"), Options{})
}

func openAt(t *testing.T, path string, o Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// mustBeSound checks every invariant of the database.
func mustBeSound(t testing.TB, s *Store) {
	t.Helper()
	problems, err := Check(t.Context(), s.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Error(problem)
	}
}

func newJob(id, name string) NewJob {
	return NewJob{
		ID: id, Name: name, Owner: "local", ModelPath: "/models/m", Device: "cpu", MemoryBytes: 1000,
		Spec:    protocol.JobSpec{BaseModel: "m", TrainData: "/data/train.jsonl", Tags: []string{"a"}, ConfigOverrides: map[string]any{"lora_r": 8}},
		Config:  protocol.SCUConfig{LoraR: 8, LearningRate: 1e-3, TargetModules: []string{"q_proj"}},
		Reasons: map[string]string{"lora_r": "you asked for it"},
	}
}

func mustCreate(t *testing.T, s *Store, n NewJob) *Record {
	t.Helper()
	record, created, err := s.CreateJob(t.Context(), n)
	if err != nil || !created {
		t.Fatalf("create %s: created %v, %v", n.ID, created, err)
	}
	return record
}

func mustStart(t *testing.T, s *Store, id string) *Record {
	t.Helper()
	record, err := s.StartJob(t.Context(), id, Start{AdapterID: "adapter-of-" + id, Device: "cpu"})
	if err != nil {
		t.Fatal(err)
	}
	return record
}

func TestCreateGivesTheJobBack(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	n := newJob("job-1", "first")
	mustCreate(t, s, n)
	for _, key := range []string{"job-1", "first"} {
		record, err := s.Job(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		job := record.Job
		if job.JobID != "job-1" || job.Name != "first" || job.Status != protocol.StatusQueued || job.CompletedAt != nil || job.Metrics != nil {
			t.Errorf("by %s: %+v", key, job)
		}
		if job.Config == nil || job.Config.LoraR != 8 || job.Spec.Tags[0] != "a" || record.ModelPath != "/models/m" || record.LastCursor != 1 {
			t.Errorf("by %s: %+v", key, record)
		}
	}
	if _, err := s.Job(t.Context(), "second"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown job gave %v", err)
	}
}

func TestNamesAreUniqueAmongLivingJobs(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	mustCreate(t, s, newJob("job-1", "same"))
	_, _, err := s.CreateJob(t.Context(), newJob("job-2", "same"))
	var taken *NameTakenError
	if !errors.As(err, &taken) || taken.JobID != "job-1" || taken.Status != protocol.StatusQueued {
		t.Fatalf("the second of a name gave %v", err)
	}
	if _, err := s.CancelJob(t.Context(), "job-1", protocol.NewError(protocol.CodeCancelled, "not wanted")); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, s, newJob("job-3", "same"))
	wantNamed := func(id, what string) {
		t.Helper()
		if record, err := s.Job(t.Context(), "same"); err != nil || record.Job.JobID != id {
			t.Errorf("the name means %+v, %v; want %s", record, err, what)
		}
	}
	wantNamed("job-3", "the living one")
	if _, err := s.RetryJob(t.Context(), "job-1"); !errors.As(err, &taken) || taken.JobID != "job-3" {
		t.Errorf("a retry took a living job's name: %v", err)
	}
	if err := attempts[fail](t, s, "job-3"); err != nil {
		t.Fatal(err)
	}
	wantNamed("job-3", "the newest")
	if _, err := s.RetryJob(t.Context(), "job-1"); err != nil {
		t.Fatal(err)
	}
	wantNamed("job-1", "the living one, though it is older")
	mustBeSound(t, s)
}

func TestRequestIDMakesOneJob(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	const clients = 16
	var all sync.WaitGroup
	var mu sync.Mutex
	created := 0
	for i := range clients {
		all.Go(func() {
			n := newJob(fmt.Sprintf("job-%d", i), fmt.Sprintf("name-%d", i))
			n.Spec.RequestID = "r"
			record, isNew, err := s.CreateJob(t.Context(), n)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if isNew {
				created++
			} else if record.Job.Spec.RequestID != "r" {
				t.Errorf("got %+v", record.Job)
			}
		})
	}
	all.Wait()
	if created != 1 {
		t.Errorf("%d jobs were created, want 1", created)
	}
	other := newJob("job-x", "x")
	other.Spec.RequestID, other.Spec.Priority = "r", 3
	var reused *RequestReusedError
	if _, _, err := s.CreateJob(t.Context(), other); !errors.As(err, &reused) {
		t.Errorf("another specification under the same request id gave %v", err)
	}
	if _, err := s.FindRequest(t.Context(), other.Spec); !errors.As(err, &reused) {
		t.Errorf("FindRequest gave %v", err)
	}
}

func TestListPagesFromTheNewest(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	for i := range 5 {
		n := newJob(fmt.Sprintf("job-%d", i), fmt.Sprintf("name-%d", i))
		n.Spec.BaseModel = []string{"even", "odd"}[i%2]
		mustCreate(t, s, n)
	}
	mustStart(t, s, "job-0")
	tests := []struct {
		name   string
		filter Filter
		want   string
	}{
		{"all", Filter{Limit: 10}, "[job-4 job-3 job-2 job-1 job-0]"},
		{"first page", Filter{Limit: 2}, "[job-4 job-3]"},
		{"second page", Filter{Limit: 2, Before: 4}, "[job-2 job-1]"},
		{"status", Filter{Limit: 10, Status: protocol.StatusRunning}, "[job-0]"},
		{"name", Filter{Limit: 10, Name: "name-2"}, "[job-2]"},
		{"model", Filter{Limit: 10, Model: "odd"}, "[job-3 job-1]"},
		{"model and status", Filter{Limit: 10, Model: "even", Status: protocol.StatusQueued}, "[job-4 job-2]"},
	}
	for _, test := range tests {
		all, err := s.Jobs(t.Context(), test.filter)
		if err != nil {
			t.Fatal(err)
		}
		ids := []string{}
		for _, record := range all {
			ids = append(ids, record.Job.JobID)
		}
		if got := fmt.Sprint(ids); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	counts, err := s.Counts(t.Context())
	if err != nil || counts[protocol.StatusQueued] != 4 || counts[protocol.StatusRunning] != 1 || len(counts) != len(protocol.Statuses) {
		t.Errorf("counts %v, %v", counts, err)
	}
}
