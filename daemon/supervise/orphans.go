package supervise

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// ReapOrphans kills and awaits every worker that still holds the lock of its job in a directory, and removes the locks. It
// is for a daemon that starts, when all workers are those of one that has died. It returns the jobs whose worker still
// lived. An error names the processes that cannot be ended; the other workers are ended all the same.
func ReapOrphans(ctx context.Context, locksDir string) (jobs []string, err error) {
	entries, err := os.ReadDir(locksDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for the workers of an earlier daemon: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, evictLimit)
	defer cancel()
	var all reaping
	for _, entry := range entries {
		if job, is := strings.CutSuffix(entry.Name(), lockSuffix); is {
			all.begin(ctx, job, filepath.Join(locksDir, entry.Name()))
		}
	}
	all.ending.Wait()
	return all.jobs, errors.Join(all.errs...)
}

// reaping is one call of ReapOrphans.
type reaping struct {
	jobs   []string
	ending sync.WaitGroup

	mu   sync.Mutex
	errs []error
}

// fail keeps an error; nil is none.
func (r *reaping) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

// begin ends a job's worker, if it has one, beside those of others, since each may take a while to die.
func (r *reaping) begin(ctx context.Context, job, path string) {
	l, err := openRunnerLock(path)
	if err != nil {
		r.fail(err)
		return
	}
	taken, err := l.try()
	switch {
	case err != nil:
		r.fail(errors.Join(err, l.file.Close()))
	case taken:
		r.fail(l.remove())
	default:
		r.jobs = append(r.jobs, job)
		r.ending.Go(func() {
			if err := l.evict(ctx); err != nil {
				r.fail(errors.Join(fmt.Errorf("job %s: %w", job, err), l.file.Close()))
				return
			}
			r.fail(l.remove())
		})
	}
}
