package store

import (
	"fmt"
	"slices"

	"github.com/shannon-labs/scu/protocol"
)

// action is what can be done to a job, as in "cannot be resumed".
type action string

const (
	start    action = "started"
	complete action = "completed"
	fail     action = "failed"
	cancel   action = "cancelled"
	pause    action = "paused"
	requeue  action = "queued again"
	resume   action = "resumed"
	retry    action = "tried again"

	// These move no job to another state.
	setPriority action = "given another priority"
	remove      action = "deleted"
)

// transition is the states from which an action is allowed, and the state to which it leads; empty: the same.
type transition struct {
	from []protocol.Status
	to   protocol.Status
}

// transitions is the state machine of a job. Its final states are completed, and failed and cancelled until the job is
// tried again.
var transitions = map[action]transition{
	start:    {[]protocol.Status{protocol.StatusQueued}, protocol.StatusRunning},
	complete: {[]protocol.Status{protocol.StatusRunning}, protocol.StatusCompleted},
	// A job that waits fails when it cannot be started, for example because its model is gone.
	fail:   {living, protocol.StatusFailed},
	cancel: {living, protocol.StatusCancelled},
	pause:  {[]protocol.Status{protocol.StatusQueued, protocol.StatusRunning}, protocol.StatusPaused},
	// The worker crashed, or the daemon ended.
	requeue: {[]protocol.Status{protocol.StatusRunning}, protocol.StatusQueued},
	resume:  {[]protocol.Status{protocol.StatusPaused}, protocol.StatusQueued},
	retry:   {[]protocol.Status{protocol.StatusFailed, protocol.StatusCancelled}, protocol.StatusQueued},

	setPriority: {from: living},
	remove:      {from: final},
}

var (
	living = []protocol.Status{protocol.StatusQueued, protocol.StatusRunning, protocol.StatusPaused}
	final  = []protocol.Status{protocol.StatusCompleted, protocol.StatusFailed, protocol.StatusCancelled}
)

// TransitionError says that what was asked for makes no sense in the state that the job is in.
type TransitionError struct {
	JobID  string
	From   protocol.Status // the state that it is in
	To     protocol.Status // the state that was asked for; empty when something else was
	Action string          // what cannot be done to it, as in "cannot be resumed"
}

func (e *TransitionError) Error() string {
	return fmt.Sprintf("job %s is %s and cannot be %s", e.JobID, e.From, e.Action)
}

// check refuses an action that the state machine does not have in a job's state.
func check(a action, job *protocol.Job) error {
	t := transitions[a]
	if slices.Contains(t.from, job.Status) {
		return nil
	}
	return &TransitionError{JobID: job.JobID, From: job.Status, To: t.to, Action: string(a)}
}
