package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"pgregory.net/rapid"
)

func (m *machine) Create(t *rapid.T) {
	m.last++
	id, name := fmt.Sprint("job-", m.last), rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "name")
	_, _, err := m.store.CreateJob(context.Background(), newJob(id, name))
	var taken *NameTakenError
	if holder := m.holder(name); holder != "" {
		if !errors.As(err, &taken) || taken.JobID != holder {
			t.Fatalf("%s has the name, and the store says %v", holder, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	m.jobs[id] = &modelJob{name: name}
	m.jobs[id].move(protocol.StatusQueued)
}

func (m *machine) Start(t *rapid.T) {
	id, job := m.pick(t)
	_, err := m.store.StartJob(context.Background(), id, Start{AdapterID: fmt.Sprint("adapter-", id, "-", len(job.runOutcomes)), Device: "cpu"})
	if expect(t, err, job.status == protocol.StatusQueued) {
		job.runOutcomes, job.runSteps = append(job.runOutcomes, ""), append(job.runSteps, 0)
		job.move(protocol.StatusRunning)
	}
}

func (m *machine) Steps(t *rapid.T) {
	id, job := m.pick(t)
	count := rapid.IntRange(1, 5).Draw(t, "count")
	err := m.store.RecordFrames(context.Background(), id, stepFrames(job.step+1, count))
	if running := job.status == protocol.StatusRunning; running != (err == nil) || !running && !errors.Is(err, ErrNotRunning) {
		t.Fatalf("steps of a %s job: %v", job.status, err)
	}
	if err == nil {
		job.step += count
		job.runSteps[len(job.runSteps)-1] += count
	}
}

func (m *machine) Complete(t *rapid.T) {
	id, job := m.pick(t)
	_, err := m.store.CompleteJob(context.Background(), id, protocol.AdapterArtifact{ID: fmt.Sprint("adapter-", id, "-", len(job.runOutcomes)-1), JobID: id, Name: job.name})
	if expect(t, err, job.status == protocol.StatusRunning) {
		job.adapter = true
		job.move(protocol.StatusCompleted)
	}
}

func (m *machine) FailOrCancel(t *rapid.T) {
	id, job := m.pick(t)
	to, do := protocol.StatusFailed, m.store.FailJob
	if rapid.Bool().Draw(t, "cancel") {
		to, do = protocol.StatusCancelled, m.store.CancelJob
	}
	_, err := do(context.Background(), id, protocol.NewError(protocol.CodeInternal, "because"))
	if expect(t, err, !job.status.Final()) {
		job.move(to)
	}
}

func (m *machine) Requeue(t *rapid.T) {
	id, job := m.pick(t)
	with := Requeue{Waiting: &protocol.Waiting{Reason: protocol.WaitBackoff}}
	if rapid.Bool().Draw(t, "crash") {
		with.Crash = &Crash{Signature: rapid.SampledFrom([]string{"segv", "oom"}).Draw(t, "signature"), Step: job.step}
	}
	_, err := m.store.RequeueJob(context.Background(), id, with)
	if !expect(t, err, job.status == protocol.StatusRunning) {
		return
	}
	if with.Crash != nil {
		job.retries, job.crash = job.retries+1, with.Crash.Signature
	}
	switch wanted := job.toPause; {
	case job.toCancel:
		job.move(protocol.StatusCancelled)
	case wanted != "":
		job.move(protocol.StatusPaused)
		job.waiting = wanted
	default:
		job.move(protocol.StatusQueued)
	}
}

func (m *machine) RequestCancel(t *rapid.T) {
	id, job := m.pick(t)
	_, err := m.store.RequestCancel(context.Background(), id, protocol.NewError(protocol.CodeCancelled, "no more"))
	if !expect(t, err, !job.status.Final()) {
		return
	}
	if job.status == protocol.StatusRunning {
		job.toCancel = true
		return
	}
	job.move(protocol.StatusCancelled)
}

func (m *machine) RequestPause(t *rapid.T) {
	id, job := m.pick(t)
	why := rapid.SampledFrom([]protocol.WaitReason{protocol.WaitUser, protocol.WaitDisk}).Draw(t, "why")
	_, err := m.store.RequestPause(context.Background(), id, protocol.Waiting{Reason: why, Message: "later"})
	if !expect(t, err, !job.status.Final()) {
		return
	}
	switch job.status {
	case protocol.StatusRunning:
		if job.toPause != protocol.WaitUser {
			job.toPause = why
		}
	case protocol.StatusPaused:
		if job.waiting != protocol.WaitUser && job.waiting != why {
			job.waiting = why
			job.told = append(job.told, protocol.StatusPaused)
		}
	default:
		job.move(protocol.StatusPaused)
		job.waiting = why
	}
}

func (m *machine) Resume(t *rapid.T) {
	id, job := m.pick(t)
	_, err := m.store.ResumeJob(context.Background(), id)
	if expect(t, err, job.status == protocol.StatusPaused) {
		job.move(protocol.StatusQueued)
	}
}

func (m *machine) Retry(t *rapid.T) {
	id, job := m.pick(t)
	_, err := m.store.RetryJob(context.Background(), id)
	allowed := job.status == protocol.StatusFailed || job.status == protocol.StatusCancelled
	var taken *NameTakenError
	if holder := m.holder(job.name); allowed && holder != "" {
		if !errors.As(err, &taken) || taken.JobID != holder {
			t.Fatalf("%s has the name, and the store says %v", holder, err)
		}
		return
	}
	if expect(t, err, allowed) {
		job.retries, job.crash = 0, ""
		job.move(protocol.StatusQueued)
	}
}

func (m *machine) SetPriority(t *rapid.T) {
	id, job := m.pick(t)
	priority := rapid.IntRange(-100, 100).Draw(t, "priority")
	_, err := m.store.SetPriority(context.Background(), id, priority)
	if expect(t, err, !job.status.Final()) {
		job.priority = priority
		job.told = append(job.told, job.status)
	}
}

func (m *machine) Delete(t *rapid.T) {
	id, job := m.pick(t)
	err := m.store.DeleteJob(context.Background(), id)
	switch {
	case job.adapter:
		if !errors.Is(err, ErrHasAdapter) {
			t.Fatalf("with an adapter: %v", err)
		}
		if err := m.store.DeleteAdapter(context.Background(), fmt.Sprint("adapter-", id, "-", len(job.runOutcomes)-1)); err != nil {
			t.Fatal(err)
		}
		job.adapter = false
	case expect(t, err, job.status.Final()):
		m.gone[id] = job
		delete(m.jobs, id)
	}
}

func (m *machine) Thin(t *rapid.T) {
	if _, err := m.store.Downsample(context.Background(), Retention{Before: time.Now().Add(time.Hour), Rows: rapid.IntRange(2, 6).Draw(t, "rows")}); err != nil {
		t.Fatal(err)
	}
}

// Reopen is a new daemon. Nothing is closed by the one before: everything it was told is on disk.
func (m *machine) Reopen(t *rapid.T) {
	before := m.store
	m.open(t)
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	m.compareUsage(t)
	problems, err := Check(context.Background(), m.path)
	if err != nil || len(problems) > 0 {
		t.Fatalf("%q, %v", problems, err)
	}
}

// TestStoreAgreesWithAModel makes random histories, with new daemons in between.
func TestStoreAgreesWithAModel(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	files := 0
	rapid.Check(t, func(t *rapid.T) {
		files++
		m := &machine{path: filepath.Join(directory, fmt.Sprint(files, ".db")), jobs: map[string]*modelJob{}, gone: map[string]*modelJob{}}
		m.open(t)
		defer func() { _ = m.store.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"create": m.Create, "start": m.Start, "steps": m.Steps, "complete": m.Complete, "fail or cancel": m.FailOrCancel, "requeue": m.Requeue,
			"request cancel": m.RequestCancel, "request pause": m.RequestPause, "resume": m.Resume, "retry": m.Retry, "set priority": m.SetPriority,
			"delete": m.Delete, "thin": m.Thin, "reopen": m.Reopen, "": m.compareJobs,
		})
		m.Reopen(t)
	})
}
