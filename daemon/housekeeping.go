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

// keepHouse does what can be done in the background: once it ends deletions that were cut off, and again and again it thins
// the metrics of old jobs.
func (d *daemon) keepHouse() {
	if err := d.endDeletions(d.ending); err != nil && d.ending.Err() == nil {
		d.logger.Error("cannot end deletions that were cut off", "error", err)
	}
	d.lookForStrangers(d.ending)
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
	jobFile     = regexp.MustCompile(`^(job-[a-z0-9]{16})$`)
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

// lookForStrangers tells of checkpoints and adapters that are not in the store. They are left alone: the store may be a new
// one, or one that was put back from a backup, and then they are all that is left of what is missing there.
func (d *daemon) lookForStrangers(ctx context.Context) {
	home, strangers := d.options.Home, []string{}
	for _, file := range d.findFiles(checkpointsDirectory(home), adaptersDirectory(home)) {
		if ctx.Err() == nil && errors.Is(d.lookFor(ctx, file), store.ErrNotFound) {
			strangers = append(strangers, file.path)
		}
	}
	if len(strangers) > 0 {
		d.logger.Warn("some checkpoints and adapters are not in the job store; they are left alone", "count", len(strangers), "paths", strangers[:min(5, len(strangers))])
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

// endDeletions goes on with deletions of jobs that a daemon's end has cut off.
func (d *daemon) endDeletions(ctx context.Context) error {
	ids, err := d.store.UnfinishedDeletions(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := d.eraseJob(ctx, id); err != nil {
			return err
		}
	}
	return nil
}
