package daemon

import (
	"context"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// pauseJob answers job/pause when the job does not run any more: at once for a queued one, and when the worker of a running
// one has written its checkpoint. That may have completed in the meantime; the status in the answer says so.
func (d *daemon) pauseJob(ctx context.Context, session *rpc.Session, params *protocol.IDParams) (any, error) {
	record, err := d.findJob(ctx, params.ID)
	if err != nil {
		return nil, err
	}
	jobID := record.Job.JobID
	waiting := protocol.Waiting{Reason: protocol.WaitUser, Message: "paused by " + session.Client().Name}
	if record, err = d.store.RequestPause(ctx, jobID, waiting); err != nil {
		return nil, err
	}
	d.forgetDiskPause(jobID)
	if !d.stopRun(jobID, toPause(waiting)) && record.Job.Status == protocol.StatusRunning {
		d.finish(jobID, func(ctx context.Context) (*store.Record, error) { return d.store.PauseJob(ctx, jobID, waiting) })
	}
	record, err = d.awaitState(ctx, jobID, func(s protocol.Status) bool { return s != protocol.StatusRunning && s != protocol.StatusQueued })
	if err != nil {
		return nil, err
	}
	status := d.statusOf(record)
	return &status, nil
}

// resumeJob answers job/resume: a paused job waits for its turn again.
func (d *daemon) resumeJob(ctx context.Context, _ *rpc.Session, params *protocol.IDParams) (any, error) {
	record, err := d.findJob(ctx, params.ID)
	if err != nil {
		return nil, err
	}
	return d.putBack(ctx, record.Job.JobID, "job resumed", d.store.ResumeJob)
}

// retryJob answers job/retry: a failed or cancelled job is queued again, under its id and its name. Its worker goes on
// from the last checkpoint; without one it begins anew.
func (d *daemon) retryJob(ctx context.Context, _ *rpc.Session, params *protocol.IDParams) (any, error) {
	record, err := d.findJob(ctx, params.ID)
	if err != nil {
		return nil, err
	}
	if err := d.checkDisk(); err != nil {
		return nil, err
	}
	return d.putBack(ctx, record.Job.JobID, "job queued again", d.store.RetryJob)
}

// putBack makes a transition to queued and puts the job into the queue.
func (d *daemon) putBack(ctx context.Context, jobID, what string, transition func(context.Context, string) (*store.Record, error)) (any, error) {
	if err := d.beginCreating(); err != nil {
		return nil, err
	}
	defer d.endCreating()
	record, err := transition(ctx, jobID)
	if err != nil {
		return nil, err
	}
	d.enqueue(record)
	d.logger.Info(what, "job", record.Job.JobID, "name", record.Job.Name, "step", record.Job.Step)
	status := d.statusOf(record)
	return &status, nil
}

// setPriority answers job/set_priority. A job that runs keeps it for when it waits again.
func (d *daemon) setPriority(ctx context.Context, _ *rpc.Session, params *protocol.SetPriorityParams) (any, error) {
	if err := protocol.ValidatePriority(params.Priority); err != nil {
		return nil, err
	}
	record, err := d.findJob(ctx, params.ID)
	if err != nil {
		return nil, err
	}
	if record, err = d.store.SetPriority(ctx, record.Job.JobID, params.Priority); err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.queue.SetPriority(record.Job.JobID, params.Priority)
	d.mu.Unlock()
	d.nudge()
	status := d.statusOf(record)
	return &status, nil
}
