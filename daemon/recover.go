package daemon

import (
	"context"
	"fmt"

	"github.com/shannon-labs/scu/daemon/schedule"
	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
)

// recover brings the store and the home to a state that this daemon can go on from, after one that may have died at any
// moment. No worker of that one lives any more (package supervise sees to it), so a job that is stored as running has
// lost its worker, and a directory that it has left is not an adapter.
func (d *daemon) recover(ctx context.Context) error {
	if err := removeTemporary(adaptersDirectory(d.options.Home), ".tmp-*"); err != nil {
		return fmt.Errorf("remove unfinished adapters: %w", err)
	}
	living, err := d.store.Living(ctx)
	if err != nil {
		return err
	}
	for _, record := range living {
		if record.Job.Status == protocol.StatusQueued {
			d.queue.Add(schedule.Entry{JobID: record.Job.JobID, Priority: record.Job.Spec.Priority, Sequence: record.Sequence})
			continue
		}
		if err := d.endOrphan(ctx, record); err != nil {
			return fmt.Errorf("tidy up after job %s: %w", record.Job.JobID, err)
		}
	}
	return nil
}

// endOrphan gives a job that has lost its daemon a final state.
func (d *daemon) endOrphan(ctx context.Context, record *store.Record) error {
	job := &record.Job
	if err := d.removeAdapter(record.AdapterID); err != nil {
		return err
	}
	if record.CancelRequested {
		reason := protocol.NewError(protocol.CodeCancelled, "cancelled, and the daemon stopped before the worker did")
		_, err := d.store.CancelJob(ctx, job.JobID, reason)
		return err
	}
	reason := protocol.NewError(protocol.CodeWorkerCrashed, "the daemon stopped while the job was at step %d", job.Step).
		WithHint("go on from its last checkpoint with: scu retry %s", job.JobID)
	reason.Retryable = true
	d.logger.Warn("job lost its daemon", "job", job.JobID, "name", job.Name, "step", job.Step)
	_, err := d.store.FailJob(ctx, job.JobID, reason)
	return err
}
