package daemon

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
)

// diskLookEvery is short enough that a job is paused before a usual writer has used up what is kept free.
const diskLookEvery = 2 * time.Second

// watchDisk pauses the jobs when the disk is nearly full, and lets them go on when there is space again.
func (d *daemon) watchDisk() {
	ticker := time.NewTicker(diskLookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			d.lookAtDisk()
		case <-d.ending.Done():
			return
		}
	}
}

func (d *daemon) lookAtDisk() {
	d.lookAtStore()
	d.takeOrphans()
	free, err := d.options.FreeBytes(d.options.Home)
	if err != nil {
		d.logger.Error("cannot look at the disk", "error", err)
		return
	}
	need := int64(d.config.Load().Storage.MinFree)
	d.mu.Lock()
	was := d.diskLow
	if was {
		need += need / 4 // so that a job's own checkpoint does not tip it over again
	}
	d.diskLow = free < need
	low := d.diskLow
	d.mu.Unlock()
	switch {
	case low && !was:
		d.logger.Error("the disk is nearly full; jobs are paused until there is more space", "home", d.options.Home, "free_bytes", free, "needed_bytes", need)
		d.stopForDisk(d.tooFull(free, need))
	case was && !low:
		d.logger.Info("there is space on the disk again", "free_bytes", free)
		d.nudge()
	}
	if !low {
		d.resumeAfterDisk(free)
	}
}

// lookAtStore notices when somebody removes or replaces the job store's file: what is written from then on nobody will find.
func (d *daemon) lookAtStore() {
	now, err := os.Stat(StorePath(d.options.Home))
	gone := errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(now, d.storeFile)
	d.mu.Lock()
	news := gone && !d.storeGone
	d.storeGone = d.storeGone || gone
	d.mu.Unlock()
	if news {
		d.logger.Error("the job store's file was removed or replaced while the daemon runs; it takes no more jobs and starts none", "path", StorePath(d.options.Home))
	}
}

func (d *daemon) stopForDisk(full *protocol.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.running {
		r.stop(toPause(waitingForDisk(full)))
	}
}

func waitingForDisk(full *protocol.Error) protocol.Waiting {
	return protocol.Waiting{Reason: protocol.WaitDisk, Message: full.Message + "; the job goes on by itself when there is more space"}
}

// pauseForDisk ends a run because there is too little space. why is what the worker said of it, or nil when it was stopped for
// that reason.
func (d *daemon) pauseForDisk(r *run, why *protocol.Error) {
	waiting := r.how().waiting
	if why != nil {
		w := waitingForDisk(why)
		waiting = &w
		d.awaitDisk(r.jobID, d.moreThanNow())
	}
	d.leave(r, func(ctx context.Context) (*store.Record, error) { return d.store.PauseJob(ctx, r.jobID, *waiting) })
}

// awaitDisk has a job go on by itself once so much of the disk is free, or more if that was said before.
func (d *daemon) awaitDisk(jobID string, free int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.diskPaused[jobID] = max(free, d.diskPaused[jobID])
}

// moreThanNow is how much must be free for a job whose worker has found too little: without notably more than there is, the
// next one would find the same.
func (d *daemon) moreThanNow() int64 {
	free, err := d.options.FreeBytes(d.options.Home)
	if err != nil {
		d.logger.Error("cannot look at the disk", "error", err)
	}
	return free + min(free/4, 1<<30)
}

// resumeAfterDisk queues the jobs again that were paused for want of space and for which there is enough now.
func (d *daemon) resumeAfterDisk(free int64) {
	d.mu.Lock()
	var ids []string
	for id, wanted := range d.diskPaused {
		if free >= wanted {
			ids = append(ids, id)
		}
	}
	d.mu.Unlock()
	for _, id := range ids {
		record, err := d.store.ResumeAfterDisk(context.Background(), id)
		var moved *store.TransitionError
		switch {
		case err == nil:
			d.logger.Info("job goes on", "job", id, "name", record.Job.Name)
			d.enqueue(record)
		case errors.As(err, &moved), errors.Is(err, store.ErrNotFound): // somebody has cancelled it, say
			d.forgetDiskPause(id)
		default:
			d.logger.Error("cannot resume a job that was paused for want of disk space", "job", id, "error", err)
		}
	}
}

// forgetDiskPause makes sure that a job does not go on by itself.
func (d *daemon) forgetDiskPause(jobID string) {
	d.mu.Lock()
	delete(d.diskPaused, jobID)
	d.mu.Unlock()
}

// checkDisk refuses to begin what could not be finished for want of space.
func (d *daemon) checkDisk() error {
	free, err := d.options.FreeBytes(d.options.Home)
	if err != nil {
		return err
	}
	if need := int64(d.config.Load().Storage.MinFree); free < need {
		return d.tooFull(free, need).
			WithHint("delete adapters or caches that are not used, or name a larger file system in SCU_HOME, then submit the job again")
	}
	return nil
}

func (d *daemon) tooFull(free, need int64) *protocol.Error {
	full := protocol.NewError(protocol.CodeOutOfDisk, "the file system of %s has %d MB free; jobs need %d MB (storage.min_free)", d.options.Home, free/1e6, need/1e6)
	full.Retryable = true
	return full
}
