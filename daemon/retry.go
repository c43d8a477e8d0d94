package daemon

import (
	"context"
	"path/filepath"

	"github.com/shannon-labs/scu/daemon/schedule"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/checkpoint"
)

// checkpointsPath is where the workers of a job keep what another one can go on from. It stays when a job fails or
// the daemon is stopped, and goes with the job's completion or cancellation.
func (d *daemon) checkpointsPath(jobID string) string {
	return filepath.Join(d.options.Home, "checkpoints", jobID)
}

// resumableFrom is the step of a job's last checkpoint, or nil where it has none.
func (d *daemon) resumableFrom(jobID string) *int {
	latest, found, err := checkpoint.Latest(d.checkpointsPath(jobID))
	if err != nil {
		d.logger.Warn("cannot look for checkpoints", "job", jobID, "error", err)
	}
	if err != nil || !found {
		return nil
	}
	return &latest.Step
}

// retryJob answers job/retry: a failed or cancelled job is queued again, under its id and its name. Its worker goes on
// from the last checkpoint; without one it begins anew.
func (d *daemon) retryJob(ctx context.Context, _ *rpc.Session, params *protocol.IDParams) (any, error) {
	record, err := d.findJob(ctx, params.ID)
	if err != nil {
		return nil, err
	}
	if err := d.beginCreating(); err != nil {
		return nil, err
	}
	defer d.endCreating()
	if err := d.checkDisk(); err != nil {
		return nil, err
	}
	if record, err = d.store.RetryJob(ctx, record.Job.JobID); err != nil {
		return nil, err
	}
	d.enqueue(schedule.Entry{JobID: record.Job.JobID, Priority: record.Job.Spec.Priority, Sequence: record.Sequence})
	d.logger.Info("job queued again", "job", record.Job.JobID, "name", record.Job.Name, "step", record.Job.Step)
	status := d.statusOf(record)
	return &status, nil
}
