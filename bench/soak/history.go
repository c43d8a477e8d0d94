package main

import (
	"fmt"
	"slices"

	"github.com/shannon-labs/scu/protocol"
)

// history is a job's events as far as they were read, and what must hold of them: cursors count 1, 2, 3 … and so do the
// steps, each with the number that belongs to it; states follow each other as they may; and after a final state comes nothing
// but a retry that somebody asked for.
type history struct {
	cursor int64
	step   int
	status protocol.Status // of the last state event
	starts int
	ends   int // final states
	again  int // retries
	last   protocol.JobEvent
}

// follows are the states that may come after each, beside itself where that is not final.
var follows = map[protocol.Status][]protocol.Status{
	"":                       {protocol.StatusQueued},
	protocol.StatusQueued:    {protocol.StatusRunning, protocol.StatusPaused, protocol.StatusFailed, protocol.StatusCancelled},
	protocol.StatusRunning:   {protocol.StatusQueued, protocol.StatusPaused, protocol.StatusCompleted, protocol.StatusFailed, protocol.StatusCancelled},
	protocol.StatusPaused:    {protocol.StatusQueued, protocol.StatusFailed, protocol.StatusCancelled},
	protocol.StatusFailed:    {protocol.StatusQueued},
	protocol.StatusCancelled: {protocol.StatusQueued},
}

// add takes the next event and returns what is wrong with it. cost is what a step's data_bpt must be; nil accepts any.
func (h *history) add(event protocol.JobEvent, cost func(step int) protocol.Float) (faults []string) {
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Sprintf("event %d: ", event.Cursor)+fmt.Sprintf(format, args...))
	}
	if event.Cursor != h.cursor+1 {
		fault("it comes after event %d", h.cursor)
	}
	retried := event.Type == protocol.EventState && event.Status != nil && event.Status.Status == protocol.StatusQueued
	if h.status.Final() && !retried {
		fault("a %s event comes after the job was %s", event.Type, h.status)
	}
	switch event.Type {
	case protocol.EventState:
		if event.Status == nil {
			fault("a state event has no status")
			break
		}
		h.move(event.Status.Status, fault)
	case protocol.EventMetrics:
		if event.Metrics == nil {
			fault("a metrics event has no metrics")
			break
		}
		h.take(event.Metrics, cost, fault)
	}
	h.cursor, h.last = event.Cursor, event
	return faults
}

func (h *history) move(to protocol.Status, fault func(string, ...any)) {
	if to == h.status && !to.Final() {
		return // another phase, or priority
	}
	if !slices.Contains(follows[h.status], to) {
		fault("the job was %q and became %s", h.status, to)
	}
	switch {
	case to == protocol.StatusRunning:
		h.starts++
	case to.Final():
		h.ends++
	case h.status.Final():
		h.again++
	}
	h.status = to
}

func (h *history) take(m *protocol.TrainingMetrics, cost func(step int) protocol.Float, fault func(string, ...any)) {
	if m.Step != h.step+1 {
		fault("step %d comes after step %d", m.Step, h.step)
	}
	if cost != nil && m.DataBPT != cost(m.Step) {
		fault("step %d has the data_bpt %g, which is not its own %g", m.Step, m.DataBPT, cost(m.Step))
	}
	if h.status != protocol.StatusRunning {
		fault("step %d comes while the job is %s", m.Step, h.status)
	}
	h.step = m.Step
}
