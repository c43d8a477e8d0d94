package main

import (
	"context"
	"fmt"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// settlePatience is how long all jobs may take to end once nothing befalls them any more.
const settlePatience = 2 * time.Minute

// settle lets every job come to its end: the queue goes on, and so does what is paused.
func (f *fate) settle(ctx context.Context) error {
	var status protocol.QueueStatus
	if f.call(ctx, protocol.MethodQueueResume, nil, &status) != answered || status.Paused {
		return fmt.Errorf("the queue does not go on")
	}
	deadline := time.Now().Add(settlePatience)
	for _, e := range f.soak.ledger.all() {
		if err := f.settleJob(ctx, e, deadline); err != nil {
			return err
		}
	}
	return nil
}

func (f *fate) settleJob(ctx context.Context, e *entry, deadline time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.id == "" && !f.ask(ctx, e) { // the answer had not come when everybody stopped
		return fmt.Errorf("job %s cannot be created: %s", e.spec.AdapterName, f.refusal)
	}
	if e.known.deleting && !e.known.deleted && f.delete(ctx, e) == lost {
		return fmt.Errorf("deleting %s: the daemon does not answer", e)
	}
	for f.look(ctx, e) && e.known.final == "" {
		if e.known.paused {
			var status protocol.TrainingStatus
			if f.call(ctx, protocol.MethodJobResume, protocol.IDParams{ID: e.id}, &status) == answered {
				e.known.learn(&status, f.instance())
			}
		}
		if time.Now().After(deadline) {
			f.soak.faults.add("%s has not ended %s after everything else had", e, settlePatience)
			return nil
		}
		wait := protocol.WaitParams{ID: e.id, TimeoutSeconds: 1}
		var result protocol.WaitResult
		if f.call(ctx, protocol.MethodJobWait, wait, &result) != answered {
			return fmt.Errorf("waiting for %s: the daemon does not answer", e)
		}
	}
	return nil
}

// audit looks at everything once all jobs have ended, and ends the daemon.
func (f *fate) audit(ctx context.Context) error {
	listed, err := f.listAll(ctx)
	if err != nil {
		return err
	}
	alive := map[string]*entry{}
	for _, e := range f.soak.ledger.all() {
		e.mu.Lock()
		if err := f.auditJob(ctx, e, listed); err != nil {
			e.mu.Unlock()
			return err
		}
		if !e.known.deleted {
			alive[e.id] = e
		}
		e.mu.Unlock()
	}
	for id, job := range listed {
		if alive[id] == nil {
			f.soak.faults.add("job %s (%s) is there, and nobody has asked for it, or it was deleted", id, job.Name)
		}
	}
	adapters, err := f.auditAdapters(ctx, alive)
	if err != nil {
		return err
	}
	if err := f.auditUsage(ctx, alive); err != nil {
		return err
	}
	if _, err := f.shutDown(ctx, protocol.ShutdownIdle); err != nil {
		return err
	}
	if err := f.soak.checkStore(); err != nil {
		return err
	}
	return f.soak.auditFiles(alive, adapters)
}

func (f *fate) listAll(ctx context.Context) (map[string]protocol.TrainingStatus, error) {
	listed := map[string]protocol.TrainingStatus{}
	names := map[string]bool{}
	for cursor := ""; ; {
		var page protocol.ListResult
		if f.call(ctx, protocol.MethodJobList, protocol.ListParams{Limit: 200, Cursor: cursor}, &page) != answered {
			return nil, fmt.Errorf("the jobs cannot be listed")
		}
		for _, job := range page.Jobs {
			if names[job.Name] {
				f.soak.faults.add("two jobs are called %s: one request has made both", job.Name)
			}
			listed[job.JobID], names[job.Name] = job, true
		}
		if cursor = page.NextCursor; cursor == "" {
			return listed, nil
		}
	}
}

// auditJob reads all of a job anew.
func (f *fate) auditJob(ctx context.Context, e *entry, listed map[string]protocol.TrainingStatus) error {
	if !f.look(ctx, e) || !f.reread(ctx, e) {
		if e.known.deleted {
			return nil
		}
		return fmt.Errorf("%s cannot be read", e)
	}
	h, k := &e.history, &e.known
	job, found := listed[e.id]
	switch {
	case !found:
		f.soak.faults.add("%s is not in the list of jobs", e)
	case job.Status != k.final || h.status != k.final:
		f.soak.faults.add("%s is %s, listed as %s, and its last event says %s", e, k.final, job.Status, h.status)
	}
	if h.step != k.step || h.starts != k.attempts {
		f.soak.faults.add("%s is at step %d after %d runs; its events tell %d steps and %d runs", e, k.step, k.attempts, h.step, h.starts)
	}
	f.soak.tally.add("runs", h.starts)
	f.soak.tally.add("final states", h.ends)
	f.soak.tally.add("steps stored", h.step)
	return f.auditJournal(e)
}

// auditJournal looks whether two workers of a job were ever alive together.
func (f *fate) auditJournal(e *entry) error {
	if e.twin != "" {
		return nil
	}
	lines, err := readJournal(f.soak.ground.journals, e.id)
	if err != nil {
		return err
	}
	workers, overlaps := lives(lines)
	for _, overlap := range overlaps {
		f.soak.faults.add("%s had two workers at once: %s", e, overlap)
	}
	if len(workers) > e.known.attempts {
		f.soak.faults.add("%s had %d workers in %d runs", e, len(workers), e.known.attempts)
	}
	taken := 0
	for _, worker := range workers {
		taken += worker.steps
		if worker.from > 0 {
			f.soak.tally.one("workers that went on from a checkpoint")
		}
		f.soak.tally.add("checkpoints", worker.checkpoints)
	}
	f.soak.tally.add("steps taken", taken)
	return nil
}
