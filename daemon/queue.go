package daemon

import (
	"context"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

func (d *daemon) queueStatus(ctx context.Context, _ *rpc.Session, _ *none) (any, error) {
	paused, err := d.store.QueuePaused(ctx)
	if err != nil {
		return nil, err
	}
	settings := d.config.Load()
	d.mu.Lock()
	defer d.mu.Unlock()
	return &protocol.QueueStatus{
		Paused: paused, Running: d.runningLocked(), Waiting: d.queue.Waiting(time.Now()),
		MaxConcurrent: d.maxConcurrent(settings), MaxQueued: settings.Training.MaxQueuedJobs,
	}, nil
}

// pauseQueue answers queue/pause: no job starts until queue/resume, and the next daemon keeps to that. Those that run go on.
func (d *daemon) pauseQueue(ctx context.Context, session *rpc.Session, params *none) (any, error) {
	return d.setQueuePaused(ctx, session, params, true)
}

func (d *daemon) resumeQueue(ctx context.Context, session *rpc.Session, params *none) (any, error) {
	return d.setQueuePaused(ctx, session, params, false)
}

func (d *daemon) setQueuePaused(ctx context.Context, session *rpc.Session, params *none, paused bool) (any, error) {
	if err := d.store.SetQueuePaused(ctx, paused); err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.queue.Pause(paused)
	d.mu.Unlock()
	d.nudge()
	d.logger.Info("queue", "paused", paused, "client", session.Client().Name)
	return d.queueStatus(ctx, session, params)
}

// whyStanding says why running jobs stand still, if they do.
func (d *daemon) whyStanding() *protocol.Waiting {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.diskLow:
		return &protocol.Waiting{Reason: protocol.WaitDisk, Message: "the disk is nearly full; the job is being paused until there is more space"}
	case d.blocked > 0:
		return &protocol.Waiting{Reason: protocol.WaitDisk, Message: "the job store cannot be written at the moment, as the daemon's log says; the job goes on when it can"}
	}
	return nil
}

// whyWaiting says why a queued job does not run, for what only the daemon's memory knows.
func (d *daemon) whyWaiting(jobID string) *protocol.Waiting {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closing == protocol.ShutdownDrained:
		return &protocol.Waiting{Reason: protocol.WaitDraining, Message: "the daemon ends when the jobs that run have ended; the next one goes on with the queue"}
	case d.storeGone:
		return &protocol.Waiting{Reason: protocol.WaitDraining, Message: "the job store was removed or replaced while the daemon runs; have it start again: scu daemon stop --now"}
	case d.diskLow:
		return &protocol.Waiting{Reason: protocol.WaitDisk, Message: "the disk is nearly full; jobs start when there is more space"}
	}
	reason, message := d.queue.Why(jobID, time.Now())
	if reason == "" {
		return nil
	}
	return &protocol.Waiting{Reason: reason, Message: message}
}
