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

// settle takes a running job to the final state that its worker's end means. An adapter's row is written only after its
// directory was seen, and a job without adapter leaves no directory.
func (d *daemon) settle(r *run, record *store.Record, outcome supervise.Outcome) {
	if outcome.Kind == supervise.Done {
		failure := d.checkAdapter(record.AdapterID, outcome.Done)
		if failure == nil {
			d.complete(r.jobID, record.AdapterID, outcome.Done)
			d.removeCheckpoints(r.jobID)
			return
		}
		outcome = supervise.Outcome{Kind: supervise.Failed, Error: failure}
	}
	if err := d.removeAdapter(record.AdapterID); err != nil {
		d.logger.Error("cannot remove an unfinished adapter", "job", r.jobID, "error", err)
	}
	if outcome.Kind == supervise.Cancelled && !r.stopReason().Retryable { // not when only the daemon was stopped
		d.removeCheckpoints(r.jobID)
	}
	d.finish(r.jobID, func(ctx context.Context) (*store.Record, error) {
		if outcome.Kind == supervise.Cancelled {
			return d.store.CancelJob(ctx, r.jobID, r.stopReason())
		}
		return d.store.FailJob(ctx, r.jobID, outcome.Error)
	})
}

func (d *daemon) complete(jobID, adapterID string, done *frame.Done) {
	d.finish(jobID, func(ctx context.Context) (*store.Record, error) {
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

// removeCheckpoints gives back the space of what nobody will go on from.
func (d *daemon) removeCheckpoints(jobID string) {
	if err := os.RemoveAll(d.checkpointsPath(jobID)); err != nil {
		d.logger.Error("cannot remove checkpoints", "job", jobID, "error", err)
	}
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
