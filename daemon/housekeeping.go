package daemon

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/shannon-labs/scu/daemon/store"
)

// keepHouseEvery is how often old metrics are thinned.
const keepHouseEvery = time.Hour

// keepHouse removes what nobody can need, in the background: once what an interrupted deletion has left, and again and again
// the metrics of old jobs, but for some of them.
func (d *daemon) keepHouse() {
	d.sweep(d.ending, d.leftovers)
	ticker := time.NewTicker(keepHouseEvery)
	defer ticker.Stop()
	for {
		d.thinMetrics(d.ending)
		select {
		case <-ticker.C:
		case <-d.ending.Done():
			return
		}
	}
}

func (d *daemon) thinMetrics(ctx context.Context) {
	settings := d.config.Load().Storage
	if settings.MetricsAfter == 0 {
		return
	}
	removed, err := d.store.Downsample(ctx, store.Retention{Before: time.Now().Add(-settings.MetricsAfter), Rows: settings.MetricsRows})
	if err != nil && ctx.Err() == nil {
		d.logger.Error("cannot thin old metrics", "error", err)
	}
	if removed > 0 {
		d.logger.Info("thinned old metrics", "rows", removed)
	}
}

// Whose files a name in one of the home's directories stands for. Names of another form are not ours.
var (
	jobFile     = regexp.MustCompile(`^(job-[a-z0-9]{16})(\.log|\.log\.1|\.lock)?$`)
	adapterFile = regexp.MustCompile(`^(adapter-[a-z0-9]{16})$`)
)

// ownedFile is a file or directory in the home that belongs to a job or an adapter.
type ownedFile struct {
	path  string
	owner string // the id
	job   bool   // the owner is a job
}

// findFiles lists what there is of jobs and adapters in some directories.
func (d *daemon) findFiles(directories ...string) (files []ownedFile) {
	for _, directory := range directories {
		entries, err := os.ReadDir(directory)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.logger.Error("cannot look for files that are left over", "error", err)
		}
		for _, entry := range entries {
			path := filepath.Join(directory, entry.Name())
			if match := jobFile.FindStringSubmatch(entry.Name()); match != nil {
				files = append(files, ownedFile{path, match[1], true})
			} else if match := adapterFile.FindStringSubmatch(entry.Name()); match != nil {
				files = append(files, ownedFile{path, match[1], false})
			}
		}
	}
	return files
}

// sweep ends deletions that were cut off, and removes files of jobs that are not in the store.
func (d *daemon) sweep(ctx context.Context, files []ownedFile) {
	if err := d.endDeletions(ctx); err != nil && ctx.Err() == nil {
		d.logger.Error("cannot end deletions that were cut off", "error", err)
	}
	for _, file := range files { // quick, so the daemon's end waits for it
		if !errors.Is(d.lookFor(context.WithoutCancel(ctx), file), store.ErrNotFound) {
			continue
		}
		if !file.job { // a job store that was put back from a backup knows nothing of later adapters
			d.logger.Warn("this adapter is not in the job store; it is left alone", "path", file.path)
			continue
		}
		d.logger.Info("removing files of a job that is not in the job store", "path", file.path)
		if err := os.RemoveAll(file.path); err != nil {
			d.logger.Error("cannot remove files that are left over", "error", err)
		}
	}
}

// lookFor gives store.ErrNotFound where a file has no owner.
func (d *daemon) lookFor(ctx context.Context, file ownedFile) (err error) {
	if file.job {
		_, err = d.store.Job(ctx, file.owner)
	} else {
		_, err = d.store.Adapter(ctx, file.owner)
	}
	return err
}

func (d *daemon) endDeletions(ctx context.Context) error {
	ids, err := d.store.UnfinishedDeletions(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := d.store.DeleteJob(ctx, id); err != nil {
			return err
		}
		d.logger.Info("job deleted", "job", id)
	}
	return nil
}
