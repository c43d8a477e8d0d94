package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// longestWait is in seconds. A longer time would overflow, and is no limit anyway.
const longestWait = 1e9

// waitForJob answers job/wait.
func (d *daemon) waitForJob(ctx context.Context, _ *rpc.Session, params *protocol.WaitParams) (any, error) {
	if !(params.TimeoutSeconds >= 0) {
		return nil, protocol.NewError(protocol.CodeInvalidConfig, "timeout_seconds is %g; it must not be negative", params.TimeoutSeconds)
	}
	record, err := d.findJob(ctx, params.ID)
	if err != nil {
		return nil, err
	}
	jobID, waiting := record.Job.JobID, ctx
	if params.TimeoutSeconds > 0 && params.TimeoutSeconds < longestWait {
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeout(ctx, time.Duration(params.TimeoutSeconds*float64(time.Second)))
		defer cancel()
	}
	record, err = d.awaitState(waiting, jobID, protocol.Status.Final)
	timeIsOver := err != nil && waiting.Err() != nil && ctx.Err() == nil
	if timeIsOver {
		record, err = d.store.Job(ctx, jobID)
	}
	if err != nil {
		return nil, err
	}
	job, err := d.jobOf(ctx, record)
	if err != nil {
		return nil, err
	}
	return &protocol.WaitResult{Job: *job, TimedOut: !job.Status.Final()}, nil
}

// awaitState returns the job when it is in a state that fits, or an error when ctx or the daemon ends.
func (d *daemon) awaitState(ctx context.Context, jobID string, fits func(protocol.Status) bool) (*store.Record, error) {
	watch := d.hub.watch(jobID)
	defer watch.stop()
	for over := false; ; {
		record, err := d.store.Job(ctx, jobID)
		switch {
		case err != nil || fits(record.Job.Status):
			return record, err
		case over:
			return nil, stillLiving(&record.Job.TrainingStatus)
		}
		select {
		case <-watch.C:
		case <-d.farewell.over:
			over = true
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// halfCancelled says what comes of a cancellation that cannot be stored yet.
func halfCancelled(jobID string) error {
	half := protocol.NewError(protocol.CodeConflict, "job %s is being stopped, but the job store cannot be written now", jobID).
		WithHint("it becomes cancelled as soon as the store can be written, unless the daemon ends before: see that there is space on the disk")
	half.Retryable = true
	return half
}

// cancelJob answers job/cancel when the job has ended: at once for a queued one, and after its worker for a running one.
// That may have completed in the meantime; the status in the answer says so.
func (d *daemon) cancelJob(ctx context.Context, session *rpc.Session, params *protocol.IDParams) (any, error) {
	record, err := d.findJob(ctx, params.ID)
	if err != nil {
		return nil, err
	}
	jobID := record.Job.JobID
	reason := protocol.NewError(protocol.CodeCancelled, "cancelled by %s", session.Client().Name)
	if record, err = d.store.RequestCancel(ctx, jobID, reason); err != nil {
		// If the wish cannot be kept the worker can be stopped all the same; a job that waits goes on waiting.
		if store.MayPass(err) && d.stopWorker(jobID, toCancel(reason)) {
			return nil, halfCancelled(jobID)
		}
		return nil, err
	}
	d.forgetDiskPause(jobID)
	if !d.stopRun(jobID, toCancel(reason)) && !record.Job.Status.Final() {
		// Its run has just ended, and then this is refused; or its end could not be stored, and then this is it.
		var ended *store.TransitionError
		if _, err := d.store.CancelJob(ctx, jobID, reason); err != nil && !errors.As(err, &ended) {
			return nil, err
		}
	}
	d.removeUnwanted(jobID)
	if record, err = d.awaitState(ctx, jobID, protocol.Status.Final); err != nil {
		return nil, err
	}
	status := d.statusOf(record)
	return &status, nil
}
