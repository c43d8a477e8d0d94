package daemon

import (
	"errors"
	"fmt"

	"github.com/shannon-labs/scu/daemon/schedule"
	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
)

// refusal makes of an error of the store one that a person can act on, if it is of that kind. Others stay as they are:
// the client learns that the daemon failed, and the daemon's log learns why.
func refusal(err error) error {
	var moved *store.TransitionError
	var taken *store.NameTakenError
	var reused *store.RequestReusedError
	var full *schedule.QueueFullError
	switch {
	case errors.As(err, &moved):
		return overtaken(moved)
	case errors.As(err, &taken):
		return protocol.NewError(protocol.CodeConflict, "the name %q belongs to job %s, which is %s", taken.Name, taken.JobID, taken.Status).
			WithHint("choose another name, or wait until that job is done, or cancel it: scu cancel %s", taken.JobID)
	case errors.As(err, &reused):
		return protocol.NewError(protocol.CodeConflict, "request_id %q was used for job %s, which has another specification", reused.RequestID, reused.JobID).
			WithHint("use a new request_id for a new job")
	case errors.As(err, &full):
		refused := protocol.NewError(protocol.CodeQueueFull, "the queue is full: %d jobs wait, and training.max_queued_jobs is %d", full.Queued, full.Limit).
			WithHint("wait until one of them runs, or cancel one, then submit the job again; see them with: scu queue")
		refused.Retryable = true
		return refused
	case errors.Is(err, store.ErrDiskFull):
		full := protocol.NewError(protocol.CodeOutOfDisk, "the job store cannot be written: the disk is full").
			WithHint("free some space and try again")
		full.Retryable = true
		return full
	case errors.Is(err, store.ErrUnavailable):
		unavailable := protocol.NewError(protocol.CodeConflict, "%v", err).
			WithHint("end what else holds the job store, such as a sqlite3 shell, and try again")
		unavailable.Retryable = true
		return unavailable
	case errors.Is(err, store.ErrDamaged):
		return protocol.NewError(protocol.CodeInternal, "%v", err)
	}
	return err
}

// overtaken says why a job that is in one state cannot be brought to another, in the words of who asked for it.
func overtaken(moved *store.TransitionError) *protocol.Error {
	switch moved.To {
	case protocol.StatusCancelled:
		return protocol.NewError(protocol.CodeConflict, "job %s is %s already, so there is nothing to cancel", moved.JobID, moved.From)
	case protocol.StatusPaused:
		return protocol.NewError(protocol.CodeConflict, "job %s is %s, so there is nothing to pause", moved.JobID, moved.From)
	case protocol.StatusQueued:
		return cannotQueue(moved)
	}
	return protocol.NewError(protocol.CodeConflict, "%v", moved)
}

// cannotQueue says what brings a job into the queue, if anything does.
func cannotQueue(moved *store.TransitionError) *protocol.Error {
	refused := protocol.NewError(protocol.CodeConflict, "job %s is %s; a failed or a cancelled job can be tried again, and a paused one resumed", moved.JobID, moved.From)
	switch moved.From {
	case protocol.StatusPaused:
		return refused.WithHint("go on with: scu resume %s", moved.JobID)
	case protocol.StatusFailed, protocol.StatusCancelled:
		return refused.WithHint("try it again with: scu retry %s", moved.JobID)
	case protocol.StatusCompleted:
		return refused.WithHint("submit a new job with: scu train")
	}
	return refused
}

// asProtocolError is what a job's error column can hold.
func asProtocolError(err error) *protocol.Error {
	var refused *protocol.Error
	if errors.As(refusal(err), &refused) {
		return refused
	}
	return protocol.NewError(protocol.CodeInternal, "%v", err).WithHint("see the daemon's log")
}

func missingField(field, what string) error {
	return protocol.NewError(protocol.CodeInvalidConfig, "%s is missing", field).WithHint("give %s", what)
}

func outOfRange(field string, value any, low, high int64) error {
	return protocol.NewError(protocol.CodeInvalidConfig, "%s is %v; it must be %s", field, value, fmt.Sprintf("%d to %d", low, high))
}
