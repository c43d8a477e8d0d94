package store

import (
	"context"
	"errors"
	"fmt"
)

// ErrHasAdapter says that a job cannot be deleted before its adapter is.
var ErrHasAdapter = errors.New("the job has an adapter")

// DeleteJob removes a job that is in a final state, with its events and metrics. What its runs have used stays in the usage
// records. A living job gives a [*TransitionError], one that has an adapter [ErrHasAdapter].
//
// A job can have millions of rows, so it takes more than one transaction. A deletion that is cut off leaves the job listed, with
// fewer rows and not to be tried again, until DeleteJob is called once more; see [Store.UnfinishedDeletions].
func (s *Store) DeleteJob(ctx context.Context, jobID string) error {
	if err := s.BeginDeletion(ctx, jobID); err != nil {
		return err
	}
	for _, rows := range []struct{ table, key string }{{"training_metrics", "step"}, {"events", "cursor"}} {
		// The subquery is NULL, and nothing is deleted, when there are no rows left.
		statement := fmt.Sprintf(`DELETE FROM %[1]s WHERE job_id = ?1 AND %[2]s <= (
	SELECT max(%[2]s) FROM (SELECT %[2]s FROM %[1]s WHERE job_id = ?1 ORDER BY %[2]s LIMIT ?2))`, rows.table, rows.key)
		for removed := int64(1); removed > 0; {
			var err error
			if removed, err = s.execute(ctx, statement, jobID, chunkRows); err != nil {
				return s.explain("delete job "+jobID, err)
			}
		}
	}
	if _, err := s.execute(ctx, `DELETE FROM jobs WHERE id = ?1 AND deleting = 1`, jobID); err != nil {
		return s.explain("delete job "+jobID, err)
	}
	return nil
}

// BeginDeletion marks a job, so that from now on it cannot be tried again; DeleteJob begins with it.
func (s *Store) BeginDeletion(ctx context.Context, jobID string) error {
	_, err := s.change(ctx, "delete", jobID, func(c *change) error {
		if err := check(remove, &c.record.Job); err != nil {
			return err
		}
		var adapters int
		if err := c.tx.QueryRowContext(c.ctx, `SELECT count(*) FROM adapters WHERE job_id = ?`, jobID).Scan(&adapters); err != nil {
			return err
		}
		if adapters > 0 {
			return ErrHasAdapter
		}
		_, err := c.tx.ExecContext(c.ctx, `UPDATE jobs SET deleting = 1 WHERE id = ?`, jobID)
		return err
	})
	return err
}

// UnfinishedDeletions returns the jobs whose deletion was cut off, for example by the daemon's death.
func (s *Store) UnfinishedDeletions(ctx context.Context) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id FROM jobs WHERE deleting = 1`)
	if err != nil {
		return nil, s.explain("look for unfinished deletions", err)
	}
	ids, err := scanAll(rows, scanText)
	if err != nil {
		return nil, s.explain("look for unfinished deletions", err)
	}
	return ids, nil
}

// DeleteAdapter removes an adapter's row, or gives [ErrNotFound]. Its directory must stand until then, and be removed after. Its
// job stays, without adapter.
func (s *Store) DeleteAdapter(ctx context.Context, adapterID string) error {
	err := s.writer.submit(ctx, func(ctx context.Context, tx transaction) (string, error) {
		result, err := tx.ExecContext(ctx, `DELETE FROM adapters WHERE id = ?`, adapterID)
		if err != nil {
			return "", err
		}
		if removed, err := result.RowsAffected(); err != nil || removed == 0 {
			return "", errors.Join(err, ErrNotFound)
		}
		_, err = tx.ExecContext(ctx, `UPDATE jobs SET adapter_id = NULL WHERE adapter_id = ?`, adapterID)
		return "", err
	})
	if err != nil {
		return s.explain("delete adapter "+adapterID, err)
	}
	return nil
}

// execute runs one statement in a transaction and returns how many rows it changed.
func (s *Store) execute(ctx context.Context, statement string, args ...any) (changed int64, err error) {
	err = s.writer.submit(ctx, func(ctx context.Context, tx transaction) (string, error) {
		result, err := tx.ExecContext(ctx, statement, args...)
		if err == nil {
			changed, err = result.RowsAffected()
		}
		return "", err
	})
	return changed, err
}
