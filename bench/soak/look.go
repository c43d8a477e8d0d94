package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/shannon-labs/scu/protocol"
)

const eventsPage = 500

// look reads a job and holds it against what is known of it. The caller holds the entry's lock. It reports whether the job
// was read.
func (c *caller) look(ctx context.Context, e *entry) bool {
	var job protocol.Job
	switch c.call(ctx, protocol.MethodJobGet, protocol.IDParams{ID: e.id}, &job) {
	case lost:
		return false
	case refused:
		switch {
		case c.refusal != protocol.CodeNotFound:
			c.soak.faults.add("job %s cannot be read: %s", e.id, c.refusal)
		case !e.known.deleting:
			c.soak.faults.add("job %s (%s) was acknowledged and is not there", e.id, e.spec.AdapterName)
		}
		e.known.deleted = e.known.deleting
		return false
	}
	c.hold(e, &job)
	return true
}

// hold compares a job that was answered with what is known of it, and learns what it shows.
func (c *caller) hold(e *entry, job *protocol.Job) {
	for _, fault := range e.known.check(&job.TrainingStatus, c.instance()) {
		c.soak.faults.add("job %s: %s", e.id, fault)
	}
	if job.JobID != e.id || job.Name != e.spec.AdapterName || !sameSpec(job.Spec, e.spec) {
		c.soak.faults.add("job %s was asked for as %+v and is %s, named %s: %+v", e.id, e.spec, job.JobID, job.Name, job.Spec)
	}
	if job.Status == protocol.StatusCompleted && job.Step != e.script.Steps {
		c.soak.faults.add("job %s is completed after %d steps of %d", e.id, job.Step, e.script.Steps)
	}
	if fault := unlikely(e.script, job); fault != "" {
		c.soak.faults.add("job %s failed, and not as its script says: %s", e.id, fault)
	}
	e.known.learn(&job.TrainingStatus, c.instance())
}

// unlikely says why a job ought not to have failed, or nothing.
func unlikely(s *script, job *protocol.Job) string {
	if job.Status != protocol.StatusFailed {
		return ""
	}
	if job.Error == nil {
		return "it does not say why"
	}
	scripted := job.Error.Code == protocol.CodeNonFinite && s.FailAt > 0
	crashed := job.Error.Code == protocol.CodeWorkerCrashed
	if scripted || crashed {
		return ""
	}
	return job.Error.Error()
}

// follow reads the events of a job that have come since, and with them once more the last one that is known. The caller holds
// the entry's lock. It reports whether they were read to the end.
func (c *caller) follow(ctx context.Context, e *entry) bool {
	h := &e.history
	if e.known.deleting {
		return false // a deletion takes the events away one after the other
	}
	after := max(0, h.cursor-1)
	for {
		var page protocol.EventsResult
		switch c.call(ctx, protocol.MethodJobEvents, protocol.EventsParams{ID: e.id, After: after, Limit: eventsPage}, &page) {
		case lost:
			return false
		case refused:
			c.soak.faults.add("the events of job %s cannot be read: %s", e.id, c.refusal)
			return false
		}
		events := page.Events
		if h.cursor > 0 && after < h.cursor {
			if len(events) == 0 || !sameEvent(events[0], h.last) {
				c.soak.faults.add("event %d of job %s was told and is not there any more, or is another", h.cursor, e.id)
				return false
			}
			events = events[1:]
		}
		for _, event := range events {
			for _, fault := range h.add(event, e.cost()) {
				c.soak.faults.add("job %s: %s", e.id, fault)
			}
		}
		if len(events) == 0 {
			break
		}
		after = h.cursor
	}
	if h.again > e.known.retries {
		c.soak.faults.add("job %s was tried again %d times, and the driver has asked for that %d times", e.id, h.again, e.known.retries)
	}
	return true
}

// reread reads all events of a job anew.
func (c *caller) reread(ctx context.Context, e *entry) bool {
	e.history = history{}
	return c.follow(ctx, e)
}

// cost is what the job's steps must tell; nil where that is not known beforehand.
func (e *entry) cost() func(int) protocol.Float {
	if e.twin != "" {
		return nil
	}
	return e.script.costAt
}

func sameEvent(a, b protocol.JobEvent) bool {
	first, errA := json.Marshal(a)
	second, errB := json.Marshal(b)
	return errA == nil && errB == nil && string(first) == string(second)
}

func (e *entry) String() string { return fmt.Sprintf("job %s (%s)", e.id, e.spec.AdapterName) }
