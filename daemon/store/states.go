package store

import (
	"fmt"
	"slices"

	"github.com/shannon-labs/scu/protocol"
)

// moves is the state machine of a job: which states may follow which. The final states are completed, and failed and cancelled
// until the job is tried again.
var moves = map[protocol.Status][]protocol.Status{
	// A queued job fails when it cannot be started, for example because the disk is full.
	protocol.StatusQueued:  {protocol.StatusRunning, protocol.StatusFailed, protocol.StatusCancelled},
	protocol.StatusRunning: {protocol.StatusCompleted, protocol.StatusFailed, protocol.StatusCancelled},
	// A retry.
	protocol.StatusFailed:    {protocol.StatusQueued},
	protocol.StatusCancelled: {protocol.StatusQueued},
}

// TransitionError says that a job in state From cannot go to state To.
type TransitionError struct {
	JobID    string
	From, To protocol.Status
}

func (e *TransitionError) Error() string {
	return fmt.Sprintf("job %s is %s and cannot become %s", e.JobID, e.From, e.To)
}

func checkMove(jobID string, from, to protocol.Status) error {
	if slices.Contains(moves[from], to) {
		return nil
	}
	return &TransitionError{JobID: jobID, From: from, To: to}
}
