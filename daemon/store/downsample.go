package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// chunkRows is how many rows one transaction removes or looks at, so that other writes wait for some milliseconds only.
const chunkRows = 1000

// Retention says which jobs' metrics are thinned, and how far.
type Retention struct {
	Before time.Time // jobs that are in a final state since before then
	Rows   int       // about so many rows are left of a job that has more; at least 2
}

// thinning is what is done to one job.
type thinning struct {
	jobID       string
	every       int // of steps that are not special, those are kept that this divides
	first, last int // steps, which are kept
}

// Downsample removes rows of metrics from jobs that have ended long ago, and returns how many. Of each job that has more than
// Rows it keeps the first and the last row, those with an evaluation, those with a number that is not finite, and every k-th
// of the others. The smallest power of two is taken for k that leaves at most Rows of these, so that a job that was tried again
// afterwards, and has new rows, is thinned once more to a part of what it has. A job that was thinned to the end is not looked
// at again.
//
// A metrics row is an event too, so the cursors of such a job's events have holes from then on: they still grow, but not by 1.
//
// Each job takes several short transactions. Before the first row goes it is on disk how far the job is thinned, so what was cut
// off, by the end of ctx or of the daemon, is brought to its end by the next call.
func (s *Store) Downsample(ctx context.Context, r Retention) (removed int64, err error) {
	if r.Rows < 2 {
		return 0, fmt.Errorf("thin old metrics: %d rows a job are to be kept; at least 2 must be", r.Rows)
	}
	ids, err := s.thinnable(ctx, r)
	if err != nil {
		return 0, s.explain("look for old metrics", err)
	}
	for _, id := range ids {
		count, err := s.thin(ctx, r, id)
		removed += count
		if err != nil {
			return removed, s.explain("thin the metrics of job "+id, err)
		}
	}
	return removed, nil
}

// thinnable returns the jobs that have old metrics, and too many of them.
func (s *Store) thinnable(ctx context.Context, r Retention) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, `
SELECT id FROM jobs WHERE completed_at IS NOT NULL AND thinned_at IS NULL AND completed_at < ? AND step > ? ORDER BY completed_at`,
		micros(r.Before), r.Rows)
	if err != nil {
		return nil, err
	}
	return scanAll(rows, scanText)
}

func (s *Store) thin(ctx context.Context, r Retention, jobID string) (removed int64, err error) {
	t, err := s.beginThinning(ctx, r, jobID)
	if err != nil || t == nil {
		return 0, err
	}
	for from, more := t.first, true; more; {
		var count int64
		if from, count, more, err = s.thinChunk(ctx, t, from); err != nil {
			return removed, err
		}
		removed += count
	}
	_, err = s.execute(ctx, `UPDATE jobs SET thinned_at = ? WHERE id = ? AND thin_every = ? AND completed_at IS NOT NULL`, micros(s.now()), jobID, t.every)
	return removed, err
}

// beginThinning settles how far a job is thinned. It returns nil if the job has been tried again since it was looked for.
func (s *Store) beginThinning(ctx context.Context, r Retention, jobID string) (t *thinning, err error) {
	err = s.writer.submit(ctx, func(ctx context.Context, tx transaction) (string, error) {
		t = &thinning{jobID: jobID}
		var first sql.NullInt64
		err := tx.QueryRowContext(ctx, `
SELECT step, thin_every, (SELECT min(step) FROM training_metrics WHERE job_id = ?1) FROM jobs
WHERE id = ?1 AND completed_at IS NOT NULL AND completed_at < ?2 AND thinned_at IS NULL AND deleting = 0`, jobID, micros(r.Before)).
			Scan(&t.last, &t.every, &first)
		if errors.Is(err, sql.ErrNoRows) || err == nil && !first.Valid {
			t = nil
			return "", nil
		}
		if err != nil {
			return "", err
		}
		t.first = int(first.Int64)
		for t.every = max(1, t.every); (t.last-t.first+1)/t.every > r.Rows; {
			t.every *= 2
		}
		_, err = tx.ExecContext(ctx, `UPDATE jobs SET thin_every = ? WHERE id = ?`, t.every, jobID)
		return "", err
	})
	return t, err
}

// thinChunk removes rows from the step from on. It returns where to go on, and whether there is more to do.
func (s *Store) thinChunk(ctx context.Context, t *thinning, from int) (next int, removed int64, more bool, err error) {
	err = s.writer.submit(ctx, func(ctx context.Context, tx transaction) (string, error) {
		// No row: the job has been tried again, or is being deleted.
		err := tx.QueryRowContext(ctx, `
SELECT coalesce((SELECT step FROM training_metrics WHERE job_id = ?1 AND step >= ?2 ORDER BY step LIMIT 1 OFFSET ?3), ?4) FROM jobs
WHERE id = ?1 AND completed_at IS NOT NULL AND thin_every = ?5 AND deleting = 0`, t.jobID, from, chunkRows, t.last, t.every).Scan(&next)
		if errors.Is(err, sql.ErrNoRows) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		result, err := tx.ExecContext(ctx, `
DELETE FROM training_metrics WHERE job_id = ?1 AND step >= ?2 AND step < ?3 AND step % ?4 <> 0 AND step <> ?5 AND val_data_bpt IS NULL
	AND NOT non_finite AND abs(loss) < 9e999 AND abs(data_bpt) < 9e999 AND abs(grad_norm) < 9e999`, // 9e999 is infinity; NULL stands for NaN
			t.jobID, from, next, t.every, t.first)
		if err != nil {
			return "", err
		}
		removed, err = result.RowsAffected()
		more = next < t.last
		return "", err
	})
	return next, removed, more, err
}
