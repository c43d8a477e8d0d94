package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/shannon-labs/scu/protocol"
	"pgregory.net/rapid"
)

// modelJob is what the store should have of a job, kept in plain fields.
type modelJob struct {
	name        string
	status      protocol.Status
	told        []protocol.Status // by state events, repetitions left out
	step        int
	priority    int
	retries     int
	crash       string
	toCancel    bool
	toPause     protocol.WaitReason // empty: no
	waiting     protocol.WaitReason // of a paused one
	adapter     bool
	runOutcomes []string // of all runs; empty: open
	runSteps    []int
}

func (m *modelJob) move(to protocol.Status) {
	if m.status == protocol.StatusRunning {
		m.runOutcomes[len(m.runOutcomes)-1] = string(to)
		m.toCancel, m.toPause = false, ""
	}
	if to != protocol.StatusPaused {
		m.waiting = ""
	}
	m.status = to
	m.told = append(m.told, to)
}

// machine runs the same actions on a store and on the model.
type machine struct {
	store *Store
	path  string
	jobs  map[string]*modelJob
	gone  map[string]*modelJob // deleted; their usage is still there
	last  int                  // number of the newest job
}

func (m *machine) open(t *rapid.T) {
	var err error
	if m.store, err = Open(context.Background(), m.path, Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.store.write.Exec(`PRAGMA synchronous = OFF`); err != nil { // nobody cuts the power here
		t.Fatal(err)
	}
}

// pick chooses a job, of which there must be one.
func (m *machine) pick(t *rapid.T) (string, *modelJob) {
	ids := make([]string, 0, len(m.jobs))
	for id := range m.jobs {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		t.Skip("no job")
	}
	slices.Sort(ids)
	id := rapid.SampledFrom(ids).Draw(t, "job")
	return id, m.jobs[id]
}

// holder is the living job that has a name, or "".
func (m *machine) holder(name string) string {
	for id, job := range m.jobs {
		if job.name == name && !job.status.Final() {
			return id
		}
	}
	return ""
}

// expect compares an error with whether the model allows the action, and says whether it does.
func expect(t *rapid.T, err error, allowed bool) bool {
	var refused *TransitionError
	if allowed && err != nil || !allowed && !errors.As(err, &refused) {
		t.Fatalf("allowed %v, and the store says %v", allowed, err)
	}
	return allowed
}

// compareJobs holds the store against the model after every action.
func (m *machine) compareJobs(t *rapid.T) {
	for id, job := range m.jobs {
		record, err := m.store.Job(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		crash, paused, waiting := "", protocol.WaitReason(""), protocol.WaitReason("")
		if record.LastCrash != nil {
			crash = record.LastCrash.Signature
		}
		if record.PauseRequested != nil {
			paused = record.PauseRequested.Reason
		}
		if record.Job.Waiting != nil && record.Job.Status == protocol.StatusPaused {
			waiting = record.Job.Waiting.Reason
		}
		got := fmt.Sprint(record.Job.Name, record.Job.Status, record.Job.Step, record.Job.Priority, record.Retries, crash, record.CancelRequested, paused, waiting,
			record.Job.Attempts, record.Job.AdapterID != "", record.Job.CompletedAt != nil)
		want := fmt.Sprint(job.name, job.status, job.step, job.priority, job.retries, job.crash, job.toCancel, job.toPause, job.waiting,
			len(job.runOutcomes), job.adapter, job.status.Final())
		if got != want {
			t.Fatalf("%s is %s, want %s", id, got, want)
		}
		m.compareStates(t, id, job)
	}
	if counts, err := m.store.Counts(context.Background()); err != nil || counts[protocol.StatusRunning]+counts[protocol.StatusQueued]+counts[protocol.StatusPaused]+
		counts[protocol.StatusCompleted]+counts[protocol.StatusFailed]+counts[protocol.StatusCancelled] != len(m.jobs) {
		t.Fatalf("counts %v, %v; want %d jobs", counts, err, len(m.jobs))
	}
}

// compareStates reads which states a job's events tell of: each once, in order, whatever became of the metrics between them.
func (m *machine) compareStates(t *rapid.T, id string, job *modelJob) {
	events, err := m.store.Events(context.Background(), id, 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	var told []protocol.Status
	cursor := int64(0)
	for _, event := range events {
		if event.Cursor <= cursor {
			t.Fatalf("%s: cursor %d after %d", id, event.Cursor, cursor)
		}
		cursor = event.Cursor
		if event.Type == protocol.EventState {
			told = append(told, event.Status.Status)
		}
	}
	if !slices.Equal(told, job.told) {
		t.Fatalf("%s: the events tell of %v, want %v", id, told, job.told)
	}
}

func (m *machine) compareUsage(t *rapid.T) {
	runs, _, err := m.store.Usage(context.Background(), UsageQuery{Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, jobs := range []map[string]*modelJob{m.jobs, m.gone} {
		for _, job := range jobs {
			want += len(job.runOutcomes)
		}
	}
	if len(runs) != want {
		t.Fatalf("%d runs, want %d", len(runs), want)
	}
	for _, run := range runs {
		job := m.jobs[run.JobID]
		if job == nil {
			job = m.gone[run.JobID]
		}
		if i := run.Attempt - 1; run.Outcome != job.runOutcomes[i] || run.Steps != job.runSteps[i] {
			t.Fatalf("%+v; want %q with %d steps", run, job.runOutcomes[i], job.runSteps[i])
		}
	}
}
