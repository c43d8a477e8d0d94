package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/protocol"
)

// recover brings the store and the home to a state that this daemon can go on from, after one that may have died at any
// moment. First it makes sure that no worker of that one lives any more. Then a job that is stored as running has lost its
// worker and waits for another, and a directory that it has left is not an adapter.
func (d *daemon) recover(ctx context.Context) error {
	reaped, err := supervise.ReapOrphans(ctx, LocksDirectory(d.options.Home))
	if err != nil { // their jobs cannot start before they are gone, but others can
		d.logger.Error("cannot end the workers of the daemon before this one", "error", err)
	}
	if len(reaped) > 0 {
		d.logger.Warn("ended workers that had lost their daemon", "jobs", reaped)
	}
	if err := d.recoverAdapters(ctx); err != nil {
		return err
	}
	paused, err := d.store.QueuePaused(ctx)
	if err != nil {
		return err
	}
	d.queue.Pause(paused)
	living, err := d.store.Living(ctx)
	if err != nil {
		return err
	}
	if err := d.recoverCheckpoints(ctx); err != nil {
		return err
	}
	for _, record := range living {
		if record.Job.Status != protocol.StatusRunning {
			d.takeUp(record)
			continue
		}
		if err := d.takeOrphan(ctx, record); err != nil {
			return fmt.Errorf("tidy up after job %s: %w", record.Job.JobID, err)
		}
	}
	return nil
}

// recoverAdapters ends deletions of adapters that were cut off, and removes unfinished ones.
func (d *daemon) recoverAdapters(ctx context.Context) error {
	directory := adaptersDirectory(d.options.Home)
	marks, err := fs.Glob(os.DirFS(directory), doomedPrefix+"*")
	if err != nil {
		return fmt.Errorf("look for adapters to be deleted: %w", err)
	}
	for _, mark := range marks {
		id := strings.TrimPrefix(mark, doomedPrefix)
		_, err := d.store.Adapter(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			err = os.RemoveAll(d.adapterPath(id))
		}
		if err != nil {
			return fmt.Errorf("delete the adapter %s: %w", id, err)
		}
	}
	if err := removeTemporary(directory, ".tmp-*"); err != nil {
		return fmt.Errorf("remove unfinished adapters: %w", err)
	}
	return nil
}

// takeUp does what the state of a job that does not run asks for: it may have been cancelled while it was to be queued.
func (d *daemon) takeUp(record *store.Record) {
	job := &record.Job
	switch {
	case job.Status == protocol.StatusQueued:
		d.enqueue(record)
	case job.Status == protocol.StatusPaused && job.Waiting != nil && job.Waiting.Reason == protocol.WaitDisk:
		d.awaitDisk(job.JobID, 0)
	case job.Status == protocol.StatusCancelled:
		d.removeCheckpoints(job.JobID)
	}
}

// takeOrphan takes a job that has lost its daemon to the state that its run would have led to. Where the store cannot be
// written yet the job is kept in mind, and the daemon serves what it can.
func (d *daemon) takeOrphan(ctx context.Context, record *store.Record) error {
	job := &record.Job
	if err := d.removeAdapter(record.AdapterID); err != nil {
		return err
	}
	d.logger.Warn("job lost its daemon", "job", job.JobID, "name", job.Name, "step", job.Step)
	after, err := d.store.RequeueJob(ctx, job.JobID, store.Requeue{ // or what was asked for while it ran
		Message: fmt.Sprintf("the daemon stopped while the job was at step %d; it %s", job.Step, d.howItGoesOn(job.JobID)),
	})
	var moved *store.TransitionError
	switch {
	case err == nil:
		d.forgetOrphan(job.JobID)
		d.takeUp(after)
	case errors.As(err, &moved): // somebody has cancelled it meanwhile
		d.forgetOrphan(job.JobID)
	case store.MayPass(err):
		d.logger.Error("the job store cannot be written yet", "job", job.JobID, "error", err)
		d.mu.Lock()
		d.orphans[job.JobID] = record
		d.mu.Unlock()
	default:
		return err
	}
	return nil
}

func (d *daemon) forgetOrphan(jobID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.orphans, jobID)
}

// takeOrphans tries again with those that could not be taken.
func (d *daemon) takeOrphans() {
	d.mu.Lock()
	left := slices.Collect(maps.Values(d.orphans))
	d.mu.Unlock()
	for _, record := range left {
		if err := d.takeOrphan(context.Background(), record); err != nil {
			d.logger.Error("cannot tidy up after a job", "job", record.Job.JobID, "error", err)
		}
	}
}
