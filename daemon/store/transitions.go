package store

import (
	"context"

	"github.com/shannon-labs/scu/protocol"
)

// Start is what is settled when a job is started.
type Start struct {
	AdapterID     string // of the adapter that this run will make
	Device        string // a name, such as cuda:0
	ReservedBytes int64  // of that device's memory
}

// StartJob moves a queued job to running and opens a run of it, whose usage is counted from now on.
func (s *Store) StartJob(ctx context.Context, jobID string, with Start) (*Record, error) {
	return s.change(ctx, "start", jobID, func(c *change) error {
		job := &c.record.Job
		if err := check(start, job); err != nil {
			return err
		}
		c.record.AdapterID, job.Device = with.AdapterID, with.Device
		job.Attempts++
		if job.StartedAt == nil {
			job.StartedAt = &c.now
		}
		if err := c.openRun(with); err != nil {
			return err
		}
		return c.move(start)
	})
}

// CompleteJob moves a running job to completed and adds its adapter, whose directory must stand by now.
func (s *Store) CompleteJob(ctx context.Context, jobID string, adapter protocol.AdapterArtifact) (*Record, error) {
	return s.change(ctx, "complete", jobID, func(c *change) error {
		job := &c.record.Job
		if err := check(complete, job); err != nil {
			return err
		}
		adapter.CreatedAt = c.now
		if err := insertAdapter(c, adapter); err != nil {
			return err
		}
		job.Summary, c.record.AdapterID, job.AdapterID, job.Progress = &adapter.Metrics, adapter.ID, adapter.ID, 100
		return c.move(complete)
	})
}

// FailJob moves a living job to failed.
func (s *Store) FailJob(ctx context.Context, jobID string, reason *protocol.Error) (*Record, error) {
	return s.change(ctx, "fail", jobID, func(c *change) error {
		c.record.Job.Error = reason
		return c.move(fail)
	})
}

// CancelJob moves a living job to cancelled. The worker of a running one must have ended.
func (s *Store) CancelJob(ctx context.Context, jobID string, reason *protocol.Error) (*Record, error) {
	return s.change(ctx, "cancel", jobID, func(c *change) error { return c.cancel(reason) })
}

func (c *change) cancel(reason *protocol.Error) error {
	c.record.Job.Error = reason
	return c.move(cancel)
}

// Requeue says why a running job is queued again, and when it may start.
type Requeue struct {
	Waiting *protocol.Waiting // nil: for its turn only. The job is not started before Waiting.Until
	Crash   *Crash            // how its worker crashed; nil: the job is not to blame
	Message string            // a line for the job's log; may be empty
}

// RequeueJob moves a running job back to queued, after its worker has ended. It keeps its place: it waits since when it was
// first queued. A crash counts as a retry. What was asked for while the job ran is not forgotten: if that was to cancel it,
// it is cancelled instead, and if it was to pause it, it is paused; the record that is returned says so.
func (s *Store) RequeueJob(ctx context.Context, jobID string, with Requeue) (*Record, error) {
	return s.change(ctx, "queue again", jobID, func(c *change) error {
		record := c.record
		if err := check(requeue, &record.Job); err != nil {
			return err
		}
		if with.Message != "" {
			if err := c.tell(protocol.JobEvent{Type: protocol.EventLog, Message: with.Message}); err != nil {
				return err
			}
		}
		if with.Crash != nil {
			record.Retries++
			record.LastCrash = with.Crash
		}
		switch {
		case record.CancelRequested:
			return c.cancel(cancelledWhileRunning())
		case record.PauseRequested != nil:
			record.Job.Waiting = record.PauseRequested
			return c.move(pause)
		}
		record.Job.Waiting, record.NotBefore = with.Waiting, nil
		if with.Waiting != nil {
			record.NotBefore = with.Waiting.Until
		}
		return c.move(requeue)
	})
}

func cancelledWhileRunning() *protocol.Error {
	return protocol.NewError(protocol.CodeCancelled, "cancelled while it ran")
}

// RetryJob queues a failed or cancelled job again, with the configuration and the steps that it has. A name that a living
// job has taken since gives a [*NameTakenError].
func (s *Store) RetryJob(ctx context.Context, jobID string) (*Record, error) {
	return s.change(ctx, "retry", jobID, func(c *change) error {
		record := c.record
		job := &record.Job
		if err := check(retry, job); err != nil {
			return err
		}
		if record.deleting {
			return &TransitionError{JobID: jobID, From: job.Status, To: protocol.StatusQueued, Action: string(retry) + ", because it is being deleted"}
		}
		if err := checkNameFree(c.ctx, c.tx, job.Name); err != nil {
			return err
		}
		job.Error, job.StartedAt, job.CompletedAt, record.AdapterID = nil, nil, nil, ""
		record.Retries, record.LastCrash = 0, nil
		return c.queueAgain(retry)
	})
}

// queueAgain queues a job at a person's wish: it waits from now on, and for nothing but its turn.
func (c *change) queueAgain(a action) error {
	c.record.QueuedAt, c.record.NotBefore, c.record.Job.Waiting = c.now, nil, nil
	return c.move(a)
}

// RequestCancel cancels a job that waits at once. Of a running one it remembers that it is to be cancelled, so that it is
// even if the daemon dies before its worker has ended; the caller then stops the worker. A job in a final state gives a
// [*TransitionError].
func (s *Store) RequestCancel(ctx context.Context, jobID string, reason *protocol.Error) (*Record, error) {
	return s.change(ctx, "cancel", jobID, func(c *change) error {
		if c.record.Job.Status != protocol.StatusRunning {
			return c.cancel(reason)
		}
		if c.record.CancelRequested {
			return nil
		}
		c.record.CancelRequested = true
		return c.tell(protocol.JobEvent{Type: protocol.EventLog, Message: reason.Message})
	})
}

// SetPriority gives a living job another priority, which counts from when it is next looked at.
func (s *Store) SetPriority(ctx context.Context, jobID string, priority int) (*Record, error) {
	return s.change(ctx, "set the priority of", jobID, func(c *change) error {
		if err := check(setPriority, &c.record.Job); err != nil {
			return err
		}
		c.record.Job.Priority = priority
		return c.tellState()
	})
}
