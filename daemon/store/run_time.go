package store

import (
	"context"
	"time"
)

// RunTime is how long a job has run in all, up to the end of its last run that has ended.
func (s *Store) RunTime(ctx context.Context, jobID string) (time.Duration, error) {
	var us int64
	err := s.read.QueryRowContext(ctx, `SELECT coalesce(sum(ended_at - began_at), 0) FROM usage WHERE job_id = ? AND ended_at IS NOT NULL`, jobID).Scan(&us)
	if err != nil {
		return 0, s.explain("read the run time of job "+jobID, err)
	}
	return time.Duration(us) * time.Microsecond, nil
}
