package store

import (
	"context"

	"github.com/shannon-labs/scu/protocol"
)

// PauseJob moves a queued or running job to paused. The worker of a running one must have ended. If somebody asked meanwhile
// that it be cancelled, it is cancelled instead.
func (s *Store) PauseJob(ctx context.Context, jobID string, why protocol.Waiting) (*Record, error) {
	return s.change(ctx, "pause", jobID, func(c *change) error {
		if c.record.CancelRequested && c.record.Job.Status == protocol.StatusRunning {
			return c.cancel(cancelledWhileRunning())
		}
		return c.pause(stronger(c.record.PauseRequested, why))
	})
}

func (c *change) pause(why protocol.Waiting) error {
	c.record.Job.Waiting = &why
	return c.move(pause)
}

// stronger is the reason for a pause that holds when there are two: what a person has paused does not go on by itself.
func stronger(before *protocol.Waiting, now protocol.Waiting) protocol.Waiting {
	if before != nil && now.Reason != protocol.WaitUser {
		return *before
	}
	return now
}

// RequestPause pauses a queued job at once. Of a running one it remembers that it is to be paused, so that it is even if the
// daemon dies before its worker has ended; the caller then stops the worker. A paused one stays paused, but a person's
// reason takes the place of another. A job in a final state gives a [*TransitionError].
func (s *Store) RequestPause(ctx context.Context, jobID string, why protocol.Waiting) (*Record, error) {
	return s.change(ctx, "pause", jobID, func(c *change) error {
		record := c.record
		job := &record.Job
		switch job.Status {
		case protocol.StatusRunning:
			wanted := stronger(record.PauseRequested, why)
			if record.PauseRequested != nil && record.PauseRequested.Reason == wanted.Reason {
				return nil
			}
			record.PauseRequested = &wanted
			return c.tell(protocol.JobEvent{Type: protocol.EventLog, Message: wanted.Message})
		case protocol.StatusPaused:
			wanted := stronger(job.Waiting, why)
			if job.Waiting != nil && job.Waiting.Reason == wanted.Reason {
				return nil
			}
			job.Waiting = &wanted
			return c.tellState()
		}
		return c.pause(why)
	})
}

// ResumeJob queues a paused job again, at a person's wish: it waits from now on.
func (s *Store) ResumeJob(ctx context.Context, jobID string) (*Record, error) {
	return s.change(ctx, "resume", jobID, func(c *change) error { return c.queueAgain(resume) })
}

// ResumeAfterDisk queues a job again that was paused for want of space on the disk. It keeps its place in the queue. One that
// is paused for another reason, which may have taken the place of that, gives a [*TransitionError].
func (s *Store) ResumeAfterDisk(ctx context.Context, jobID string) (*Record, error) {
	return s.change(ctx, "resume", jobID, func(c *change) error {
		job := &c.record.Job
		if job.Waiting == nil || job.Waiting.Reason != protocol.WaitDisk {
			return &TransitionError{JobID: jobID, From: job.Status, To: protocol.StatusQueued, Action: string(resume) + " without a person's wish"}
		}
		job.Waiting = nil
		return c.move(resume)
	})
}
