package store

import (
	"context"
	"fmt"

	"github.com/shannon-labs/scu/protocol"
)

// StartJob moves a queued job to running and allots the id of the adapter that it will make.
func (s *Store) StartJob(ctx context.Context, jobID, adapterID string) (*Record, error) {
	return s.change(ctx, "start", jobID, func(c *change) error {
		c.record.AdapterID = adapterID
		c.record.Job.StartedAt = &c.now
		return c.move(protocol.StatusRunning)
	})
}

// CompleteJob moves a running job to completed and adds its adapter, whose directory must stand by now.
func (s *Store) CompleteJob(ctx context.Context, jobID string, adapter protocol.AdapterArtifact) (*Record, error) {
	return s.change(ctx, "complete", jobID, func(c *change) error {
		job := &c.record.Job
		if err := checkMove(jobID, job.Status, protocol.StatusCompleted); err != nil {
			return err
		}
		adapter.CreatedAt = c.now
		if err := insertAdapter(c, adapter); err != nil {
			return err
		}
		job.Summary, job.AdapterID, job.Progress = &adapter.Metrics, adapter.ID, 100
		return c.move(protocol.StatusCompleted)
	})
}

// FailJob moves a queued or running job to failed.
func (s *Store) FailJob(ctx context.Context, jobID string, reason *protocol.Error) (*Record, error) {
	return s.end(ctx, "fail", jobID, protocol.StatusFailed, reason)
}

// CancelJob moves a queued or running job to cancelled. The worker of a running one must have ended.
func (s *Store) CancelJob(ctx context.Context, jobID string, reason *protocol.Error) (*Record, error) {
	return s.end(ctx, "cancel", jobID, protocol.StatusCancelled, reason)
}

// RetryJob queues a failed or cancelled job again, with the configuration and the steps that it has. A name that a living
// job has taken since gives a [*NameTakenError].
func (s *Store) RetryJob(ctx context.Context, jobID string) (*Record, error) {
	return s.change(ctx, "retry", jobID, func(c *change) error {
		job := &c.record.Job
		if err := checkMove(jobID, job.Status, protocol.StatusQueued); err != nil {
			return err
		}
		if err := checkNameFree(c.ctx, c.tx, job.Name); err != nil {
			return err
		}
		job.Error, job.StartedAt, job.CompletedAt, c.record.AdapterID = nil, nil, nil, ""
		if _, err := c.tx.ExecContext(c.ctx, `UPDATE jobs SET cancel_requested_at = NULL WHERE id = ?`, jobID); err != nil {
			return fmt.Errorf("forget the cancellation: %w", err)
		}
		return c.move(protocol.StatusQueued)
	})
}

func (s *Store) end(ctx context.Context, action, jobID string, to protocol.Status, reason *protocol.Error) (*Record, error) {
	return s.change(ctx, action, jobID, func(c *change) error {
		c.record.Job.Error = reason
		return c.move(to)
	})
}

// RequestCancel cancels a queued job at once. Of a running one it remembers that it is to be cancelled, so that it is
// even if the daemon dies before its worker has ended; the caller then stops the worker. A job in a final state gives a
// [*TransitionError].
func (s *Store) RequestCancel(ctx context.Context, jobID string, reason *protocol.Error) (*Record, error) {
	return s.change(ctx, "cancel", jobID, func(c *change) error {
		job := &c.record.Job
		if job.Status == protocol.StatusQueued {
			job.Error = reason
			return c.move(protocol.StatusCancelled)
		}
		if err := checkMove(job.JobID, job.Status, protocol.StatusCancelled); err != nil {
			return err
		}
		if c.record.CancelRequested {
			return nil
		}
		c.record.CancelRequested = true
		if _, err := c.tx.ExecContext(c.ctx, `UPDATE jobs SET cancel_requested_at = ? WHERE id = ?`, micros(c.now), jobID); err != nil {
			return fmt.Errorf("remember the cancellation: %w", err)
		}
		return c.tell(protocol.JobEvent{Type: protocol.EventLog, Message: reason.Message})
	})
}
