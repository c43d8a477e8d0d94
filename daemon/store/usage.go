package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// openRun begins to count what a run of the job uses. The job must have the run's number and device.
func (c *change) openRun(with Start) error {
	job := &c.record.Job
	_, err := c.tx.ExecContext(c.ctx, `
INSERT INTO usage (job_id, name, owner, device, attempt, began_at, reserved_bytes) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		job.JobID, job.Name, c.record.Owner, with.Device, job.Attempts, micros(c.now), with.ReservedBytes)
	return err
}

// closeRun ends the run that is open. One of a daemon that has died ended with the last event that is known, not when the
// next daemon noticed.
func (c *change) closeRun(outcome protocol.Status) error {
	jobID := c.record.Job.JobID
	var id, began int64
	if err := c.tx.QueryRowContext(c.ctx, `SELECT id, began_at FROM usage WHERE job_id = ? AND ended_at IS NULL`, jobID).Scan(&id, &began); err != nil {
		return err
	}
	ended := c.now
	if id <= c.store.lastForeignRun {
		var err error
		if ended, err = c.lastSeen(); err != nil {
			return err
		}
	}
	_, err := c.tx.ExecContext(c.ctx, `UPDATE usage SET ended_at = ?, outcome = ? WHERE id = ?`, max(began, micros(ended)), outcome, id)
	return err
}

// lastSeen is the time of the newest of the job's events that an earlier daemon has stored; this one may have added some.
func (c *change) lastSeen() (time.Time, error) {
	var us int64
	err := c.tx.QueryRowContext(c.ctx, `SELECT created_at FROM events WHERE job_id = ? AND created_at < ? ORDER BY cursor DESC LIMIT 1`,
		c.record.Job.JobID, micros(c.store.openedAt)).Scan(&us)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, err
	}
	if m := c.record.Job.Metrics; m != nil && m.CreatedAt.Before(c.store.openedAt) {
		us = max(us, micros(m.CreatedAt))
	}
	return fromMicros(us), nil
}

// countSteps adds optimizer steps to the run that is open.
func (c *change) countSteps(steps int, tokens int64) error {
	_, err := c.tx.ExecContext(c.ctx, `UPDATE usage SET steps = steps + ?, tokens = tokens + ? WHERE job_id = ? AND ended_at IS NULL`,
		steps, tokens, c.record.Job.JobID)
	return err
}

// RecordMemory stores what a running job's worker told of the device's memory that it takes. It replaces the estimate for
// later runs, and counts for this one's peak.
func (s *Store) RecordMemory(ctx context.Context, jobID string, bytes int64) error {
	_, err := s.change(ctx, "record memory of", jobID, func(c *change) error {
		if err := c.checkRunning(); err != nil {
			return err
		}
		return c.recordMemory(bytes)
	})
	return err
}

func (c *change) recordMemory(bytes int64) error {
	if bytes < 0 {
		return fmt.Errorf("the worker reported %d bytes of device memory", bytes)
	}
	c.record.MemoryBytes = bytes
	_, err := c.tx.ExecContext(c.ctx, `UPDATE usage SET peak_memory = max(peak_memory, ?) WHERE job_id = ? AND ended_at IS NULL`,
		bytes, c.record.Job.JobID)
	return err
}

// UsageQuery selects runs that overlap a time; a nil end is open.
type UsageQuery struct {
	Since, Until *time.Time
	Limit        int // of the runs that are listed, not of those that are summed; it must be positive
}

// usageSelection is what both queries of Usage select.
const usageSelection = ` FROM usage WHERE (ended_at IS NULL OR ended_at > ?1) AND began_at < ?2`

func (q *UsageQuery) bounds() []any {
	since, until := int64(0), int64(1)<<62
	if q.Since != nil {
		since = micros(*q.Since)
	}
	if q.Until != nil {
		until = micros(*q.Until)
	}
	return []any{since, until}
}

// Usage returns the runs that a query selects, the newest first, and the sums of all of them by owner. A run counts whole,
// also when only a part of it lies in the time that is asked for; one that is open counts until now.
func (s *Store) Usage(ctx context.Context, q UsageQuery) (runs []protocol.UsageRecord, totals []protocol.UsageTotal, err error) {
	now := s.now()
	err = inTransaction(ctx, s.read, func(tx *sql.Tx) error { // so that the sums are of what is listed
		if runs, err = selectRuns(ctx, tx, q, now); err != nil {
			return err
		}
		totals, err = selectTotals(ctx, tx, q, now)
		return err
	})
	if err != nil {
		return nil, nil, s.explain("read usage", err)
	}
	return runs, totals, nil
}

func selectRuns(ctx context.Context, tx *sql.Tx, q UsageQuery, now time.Time) ([]protocol.UsageRecord, error) {
	rows, err := tx.QueryContext(ctx, `
SELECT job_id, name, owner, device, attempt, began_at, ended_at, steps, tokens, peak_memory, coalesce(outcome, '')`+usageSelection+`
ORDER BY began_at DESC, id DESC LIMIT ?3`, append(q.bounds(), q.Limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	runs := []protocol.UsageRecord{}
	for rows.Next() {
		var r protocol.UsageRecord
		var began int64
		var ended sql.NullInt64
		if err := rows.Scan(&r.JobID, &r.Name, &r.Owner, &r.Device, &r.Attempt, &began, &ended, &r.Steps, &r.Tokens, &r.PeakMemoryBytes, &r.Outcome); err != nil {
			return nil, err
		}
		r.BeganAt, r.EndedAt = fromMicros(began), timeOrNil(ended)
		until := now
		if r.EndedAt != nil {
			until = *r.EndedAt
		}
		r.Seconds = max(0, until.Sub(r.BeganAt).Seconds())
		runs = append(runs, r)
	}
	return runs, rows.Err()
}

func selectTotals(ctx context.Context, tx *sql.Tx, q UsageQuery, now time.Time) ([]protocol.UsageTotal, error) {
	rows, err := tx.QueryContext(ctx, `
SELECT owner, count(*), count(DISTINCT job_id), sum(max(0, coalesce(ended_at, ?3) - began_at)) / 1e6, sum(steps), sum(tokens)`+usageSelection+`
GROUP BY owner ORDER BY owner`, append(q.bounds(), micros(now))...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	totals := []protocol.UsageTotal{}
	for rows.Next() {
		var t protocol.UsageTotal
		if err := rows.Scan(&t.Owner, &t.Runs, &t.Jobs, &t.Seconds, &t.Steps, &t.Tokens); err != nil {
			return nil, err
		}
		totals = append(totals, t)
	}
	return totals, rows.Err()
}
