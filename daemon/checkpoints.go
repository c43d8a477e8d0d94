package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/checkpoint"
)

func checkpointsDirectory(home string) string { return filepath.Join(home, "checkpoints") }

// checkpointsPath is where the workers of a job keep what another one can go on from. It stays while the job may go on, be
// it that somebody asks for it, and goes with the job's completion, cancellation or deletion.
func (d *daemon) checkpointsPath(jobID string) string {
	return filepath.Join(checkpointsDirectory(d.options.Home), jobID)
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

// removeCheckpoints gives back the space of what nobody will go on from. Its caller is the job's run, or there is none.
func (d *daemon) removeCheckpoints(jobID string) {
	d.discard(jobID, d.doomCheckpoints(jobID))
}

// removeUnwanted removes the checkpoints of a job that was cancelled while it did not run, unless it was tried again since.
func (d *daemon) removeUnwanted(jobID string) {
	d.mu.Lock()
	doomed := ""
	if d.running[jobID] == nil && d.queue.Position(jobID, time.Now()) == 0 {
		doomed = d.doomCheckpoints(jobID) // before it can get into the queue
	}
	d.mu.Unlock()
	d.discard(jobID, doomed)
}

// doomCheckpoints gives a job's checkpoints a name under which they are to be removed, which it returns; empty if there are
// none. Half-removed ones under their own name would look damaged to a worker.
func (d *daemon) doomCheckpoints(jobID string) string {
	doomed := filepath.Join(checkpointsDirectory(d.options.Home), ".tmp-"+rand.Text()+jobID)
	err := os.Rename(d.checkpointsPath(jobID), doomed)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.logger.Error("cannot remove checkpoints", "job", jobID, "error", err)
	}
	if err != nil {
		return ""
	}
	return doomed
}

func (d *daemon) discard(jobID, doomed string) {
	if doomed == "" {
		return
	}
	if err := os.RemoveAll(doomed); err != nil {
		d.logger.Error("cannot remove checkpoints", "job", jobID, "error", err)
	}
}

// tidyCheckpoints removes what a killed worker has left half-written, and is for jobs that do not run.
func (d *daemon) tidyCheckpoints(jobID string) {
	if _, err := os.Stat(d.checkpointsPath(jobID)); err != nil {
		return
	}
	if err := removeTemporary(d.checkpointsPath(jobID), ".tmp-*"); err != nil {
		d.logger.Error("cannot remove unfinished checkpoints", "job", jobID, "error", err)
	}
}

// recoverCheckpoints removes what a daemon that died had no time to remove: half-written checkpoints, and all of jobs that
// nobody will go on with. It is done before anybody can try such a job again.
func (d *daemon) recoverCheckpoints(ctx context.Context) error {
	if err := removeTemporary(checkpointsDirectory(d.options.Home), ".tmp-*"); err != nil {
		return fmt.Errorf("remove old checkpoints: %w", err)
	}
	for _, file := range d.findFiles(checkpointsDirectory(d.options.Home)) {
		record, err := d.store.Job(ctx, file.owner)
		switch {
		case errors.Is(err, store.ErrNotFound): // see lookForStrangers
		case err != nil:
			return err
		case record.Job.Status == protocol.StatusCompleted || record.Job.Status == protocol.StatusCancelled:
			d.removeCheckpoints(file.owner)
		default:
			d.tidyCheckpoints(file.owner)
		}
	}
	return nil
}
