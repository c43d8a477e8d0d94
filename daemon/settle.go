package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
)

func (d *daemon) adapterPath(adapterID string) string {
	return filepath.Join(adaptersDirectory(d.options.Home), adapterID)
}

// settle takes a running job to the state that its worker's end and the verdict on its run mean. An adapter's row is
// written only after its directory was seen, and a job without adapter leaves no directory.
func (d *daemon) settle(r *run, record *store.Record, outcome supervise.Outcome) {
	if outcome.Kind == supervise.Done { // whatever the verdict: it came too late
		failure := d.checkAdapter(record.AdapterID, outcome.Done)
		if failure == nil {
			if d.complete(r.jobID, record.AdapterID, outcome.Done) {
				d.removeCheckpoints(r.jobID)
			}
			return
		}
		outcome = supervise.Outcome{Kind: supervise.Failed, Error: failure}
	}
	if err := d.removeAdapter(record.AdapterID); err != nil {
		d.logger.Error("cannot remove an unfinished adapter", "job", r.jobID, "error", err)
	}
	d.tidyCheckpoints(r.jobID)
	d.conclude(r, outcome)
}

// conclude makes the transition of a run that has made no adapter. What the worker itself said of its failure counts more
// than a verdict that only puts the job off.
func (d *daemon) conclude(r *run, outcome supervise.Outcome) {
	how := r.how()
	switch {
	case how.verdict == cancel:
		d.leave(r, func(ctx context.Context) (*store.Record, error) { return d.store.CancelJob(ctx, r.jobID, how.reason) })
	case how.verdict == fail:
		d.fail(r, how.reason)
	case outcome.Kind == supervise.Failed && outcome.Error.Code == protocol.CodeOutOfDisk && outcome.Error.Retryable:
		d.pauseForDisk(r, outcome.Error)
	case outcome.Kind == supervise.Failed, outcome.Kind == supervise.OutOfMemory:
		d.fail(r, outcome.Error)
	case how.verdict == pause && how.waiting.Reason == protocol.WaitDisk:
		d.pauseForDisk(r, nil)
	case how.verdict == pause:
		d.leave(r, func(ctx context.Context) (*store.Record, error) { return d.store.PauseJob(ctx, r.jobID, *how.waiting) })
	case how.verdict == requeue, outcome.Kind == supervise.Paused:
		d.requeue(r, store.Requeue{})
	default:
		d.afterCrash(r, outcome)
	}
}

func (d *daemon) fail(r *run, reason *protocol.Error) {
	d.leave(r, func(ctx context.Context) (*store.Record, error) { return d.store.FailJob(ctx, r.jobID, reason) })
}

func (d *daemon) requeue(r *run, q store.Requeue) {
	d.leave(r, func(ctx context.Context) (*store.Record, error) { return d.store.RequeueJob(ctx, r.jobID, q) })
}

// leave makes a transition out of running, and does what the state asks for that it led to: the store remembers what was
// asked for last, which may not be what this run was stopped for.
func (d *daemon) leave(r *run, transition func(context.Context) (*store.Record, error)) {
	var record *store.Record
	if d.finish(r.jobID, func(ctx context.Context) (_ *store.Record, err error) {
		record, err = transition(ctx)
		return record, err
	}) {
		d.takeUp(record)
	}
}

func (d *daemon) complete(jobID, adapterID string, done *frame.Done) bool {
	return d.finish(jobID, func(ctx context.Context) (*store.Record, error) {
		record, err := d.store.Job(ctx, jobID) // with the configuration that the worker's plan has completed
		if err != nil {
			return nil, err
		}
		return d.store.CompleteJob(ctx, jobID, protocol.AdapterArtifact{
			ID: adapterID, JobID: jobID, Name: record.Job.Name, LocalPath: d.adapterPath(adapterID),
			BaseModel: record.Job.Spec.BaseModel, TrainConfig: *record.Job.Config, Metrics: done.Summary,
			AdapterFiles: done.Files, SizeBytes: done.SizeBytes, SHA256: done.SHA256,
		})
	})
}

// checkAdapter holds a worker's last word against what is on disk.
func (d *daemon) checkAdapter(adapterID string, done *frame.Done) *protocol.Error {
	if len(done.Files) == 0 {
		return protocol.NewError(protocol.CodeInternal, "the worker said that it was done and named no file of the adapter")
	}
	for _, name := range done.Files {
		if !filepath.IsLocal(name) {
			return protocol.NewError(protocol.CodeInternal, "the worker named %q as a file of the adapter, which is outside of its directory", name)
		}
		info, err := os.Lstat(filepath.Join(d.adapterPath(adapterID), name))
		if err != nil || !info.Mode().IsRegular() {
			return protocol.NewError(protocol.CodeInternal, "the worker said that it was done, but the adapter's file %s is not there", name).
				WithHint("try the job again with scu retry NAME; if it happens twice, report it with the job's log")
		}
	}
	return nil
}

// removeAdapter removes what an unfinished job has left: the directory, and temporary ones that bear its id.
func (d *daemon) removeAdapter(adapterID string) error {
	if adapterID == "" {
		return nil
	}
	return errors.Join(
		os.RemoveAll(d.adapterPath(adapterID)),
		removeTemporary(adaptersDirectory(d.options.Home), ".tmp-*"+adapterID+"*"))
}

func removeTemporary(directory, pattern string) error {
	names, err := fs.Glob(os.DirFS(directory), pattern)
	if err != nil {
		return fmt.Errorf("list %s in %s: %w", pattern, directory, err)
	}
	var errs []error
	for _, name := range names {
		errs = append(errs, os.RemoveAll(filepath.Join(directory, name)))
	}
	return errors.Join(errs...)
}
