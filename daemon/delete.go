package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/durable"
	"golang.org/x/sys/unix"
)

// deleteJob answers job/delete.
func (d *daemon) deleteJob(ctx context.Context, _ *rpc.Session, params *protocol.DeleteJobParams) (any, error) {
	record, err := d.findJob(ctx, params.ID)
	if err != nil {
		return nil, err
	}
	job := &record.Job
	if !job.Status.Final() {
		return nil, protocol.NewError(protocol.CodeConflict, "job %s is %s; only a job that has ended can be deleted", job.JobID, job.Status).
			WithHint("cancel it first: scu cancel %s", job.JobID)
	}
	ctx = context.WithoutCancel(ctx) // what is begun is done, even if its client goes
	freed := int64(0)
	adapter, err := d.store.AdapterOf(ctx, job.JobID)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return nil, err
	case !params.WithAdapter:
		return nil, protocol.NewError(protocol.CodeConflict, "job %s has made the adapter %s, which would be lost", job.JobID, adapter.ID).
			WithHint("delete both with: scu delete --with-adapter %s", job.JobID)
	default:
		if freed, err = d.dropAdapter(ctx, adapter.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
	}
	files, err := d.eraseJob(ctx, job.JobID)
	if err != nil {
		return nil, err
	}
	return &protocol.DeleteResult{ID: job.JobID, FreedBytes: freed + files}, nil
}

// eraseJob removes a job's files and then its rows. Once it has begun, the job cannot be tried again, and the next daemon goes
// on if this one does not come to the end.
func (d *daemon) eraseJob(ctx context.Context, jobID string) (freed int64, err error) {
	if err := d.store.BeginDeletion(ctx, jobID); err != nil {
		return 0, err
	}
	if freed, err = removeFiles(d.filesOf(jobID)...); err != nil {
		return 0, err
	}
	if err := d.store.DeleteJob(ctx, jobID); err != nil {
		return 0, err
	}
	d.logger.Info("job deleted", "job", jobID)
	return freed, nil
}

// deleteAdapter answers adapter/delete. The job that made it stays, without it.
func (d *daemon) deleteAdapter(ctx context.Context, session *rpc.Session, params *protocol.IDParams) (any, error) {
	adapter, err := d.findAdapter(ctx, params.ID)
	if err != nil {
		return nil, err
	}
	freed, err := d.dropAdapter(context.WithoutCancel(ctx), adapter.ID)
	if err != nil {
		return nil, err
	}
	d.logger.Info("adapter deleted", "adapter", adapter.ID, "name", adapter.Name, "client", session.Client().Name)
	return &protocol.DeleteResult{ID: adapter.ID, FreedBytes: freed}, nil
}

// doomedPrefix begins the names of directories that are to be deleted.
const doomedPrefix = ".tmp-deleted-"

func (d *daemon) doomedPath(adapterID string) string {
	return filepath.Join(adaptersDirectory(d.options.Home), doomedPrefix+adapterID)
}

// dropAdapter removes an adapter's row and then its directory, under another name. A mark, which is that name, is there from
// before the row goes: it tells the next daemon to go on if this one does not get that far.
func (d *daemon) dropAdapter(ctx context.Context, adapterID string) (freed int64, err error) {
	mark := d.doomedPath(adapterID)
	if err := os.Mkdir(mark, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return 0, err
	}
	if err := durable.Sync(adaptersDirectory(d.options.Home)); err != nil {
		return 0, err
	}
	if err := d.store.DeleteAdapter(ctx, adapterID); err != nil {
		_ = os.Remove(mark) // unless somebody else is at it, who has put the directory there
		return 0, err
	}
	// In the place of the mark, which is empty: the system's call does that, and os.Rename does not.
	err = unix.Rename(d.adapterPath(adapterID), mark)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // somebody may have removed it by hand
		return 0, fmt.Errorf("delete the adapter %s: %w", adapterID, err)
	}
	return removeFiles(mark)
}

// filesOf are the paths of what a job leaves beside its adapter.
func (d *daemon) filesOf(jobID string) []string {
	log := filepath.Join(LogsDirectory(d.options.Home), jobID+".log")
	return []string{d.checkpointsPath(jobID), log, log + ".1", filepath.Join(LocksDirectory(d.options.Home), jobID+".lock")}
}

// removeFiles returns how many bytes it has freed.
func removeFiles(paths ...string) (freed int64, err error) {
	for _, path := range paths {
		size := sizeOf(path)
		if err := os.RemoveAll(path); err != nil {
			return freed, fmt.Errorf("remove the files: %w", err)
		}
		freed += size
	}
	return freed, nil
}

// sizeOf is how many bytes a file, or what is in a directory, has. What cannot be looked at counts nothing.
func sizeOf(path string) (bytes int64) {
	_ = filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		if info, err := entry.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}
