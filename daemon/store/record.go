package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// Record is a row of jobs: the job as clients see it, and what only the daemon needs.
type Record struct {
	Job             protocol.Job       // without queue position and log lines; its Config is the plan's, once there is one
	Ordered         protocol.SCUConfig // the configuration with which every worker of the job is started
	Sequence        int64              // grows with each job created
	ModelPath       string             // of the base model, absolute
	AdapterID       string             // allotted when the job started; the adapter itself stands only if the job completed
	CancelRequested bool               // of a running job
	PauseRequested  *protocol.Waiting  // of a running job: why it is to be paused
	LastCursor      int64              // of the newest event
	Reasons         map[string]string  // of the configuration's values, from planning

	Owner       string     // who the job is charged to
	Device      string     // the kind or the name of the device that it must run on; Job.Device is the one it ran on
	MemoryBytes int64      // of the device: estimated, and later as a worker told
	QueuedAt    time.Time  // since when it waits, for aging
	NotBefore   *time.Time // it must not be started earlier
	Retries     int        // after crashes, since a person last asked for it to run
	LastCrash   *Crash     // since then; nil: there was none

	deleting bool // see [Store.DeleteJob]
}

// Crash is how a run ended that ended by itself and badly.
type Crash struct {
	Signature string // equal for crashes of the same kind
	Step      int    // at which it happened
}

// queryer is a pool or a transaction.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// textParameter stands for a text in queries that are run often. A bare parameter can make SQLite plan a query anew at each use,
// since it might be clever about the value; that takes up to eight times as long as the query.
const textParameter = `CAST(? AS TEXT)`

// whereID selects a job by its id.
const whereID = `WHERE j.id = ` + textParameter

// records runs selectRecords with more clauses.
func records(ctx context.Context, from queryer, clauses string, args ...any) ([]*Record, error) {
	rows, err := from.QueryContext(ctx, selectRecords+clauses, args...)
	if err != nil {
		return nil, err
	}
	return scanAll(rows, scanRecord)
}

// oneRecord is the first of records, or ErrNotFound.
func oneRecord(ctx context.Context, from queryer, clauses string, args ...any) (*Record, error) {
	all, err := records(ctx, from, clauses, args...)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, ErrNotFound
	}
	return all[0], nil
}

// saveProgress writes back the columns that a worker's frames change, and leaves alone those that indexes and checks make dear.
func (c *change) saveProgress() error {
	r := c.record
	job := &r.Job
	_, err := c.tx.ExecContext(c.ctx, `
UPDATE jobs SET phase = ?, phase_progress = ?, progress = ?, step = ?, total_steps = ?, estimated_finish = ?, memory_bytes = ?, last_cursor = ?
WHERE id = ?`,
		job.Phase, job.PhaseProgress, job.Progress, job.Step, job.TotalSteps, microsOrNull(job.EstimatedFinish), r.MemoryBytes, r.LastCursor,
		job.JobID)
	return err
}

func (c *change) savePlan() error {
	plan, err := jsonOrNull(c.record.Job.Plan)
	if err != nil {
		return err
	}
	_, err = c.tx.ExecContext(c.ctx, `UPDATE jobs SET plan = ? WHERE id = ?`, plan, c.record.Job.JobID)
	return err
}

// save writes back every column that can change, but for the plan.
func (c *change) save() error {
	r := c.record
	job := &r.Job
	summary, err1 := jsonOrNull(job.Summary)
	failure, err2 := jsonOrNull(job.Error)
	waiting, err3 := jsonOrNull(job.Waiting)
	pauseRequested, err4 := jsonOrNull(r.PauseRequested)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return fmt.Errorf("encode job %s: %w", job.JobID, err)
	}
	crash := Crash{}
	if r.LastCrash != nil {
		crash = *r.LastCrash
	}
	_, err := c.tx.ExecContext(c.ctx, `
UPDATE jobs SET status = ?, phase = ?, phase_progress = ?, progress = ?, step = ?, total_steps = ?, summary = ?, error = ?,
	adapter_id = ?, started_at = ?, completed_at = ?, estimated_finish = ?, last_cursor = ?,
	cancel_requested_at = CASE WHEN ? THEN coalesce(cancel_requested_at, ?) END,
	priority = ?, device = ?, memory_bytes = ?, queued_at = ?, not_before = ?, attempts = ?, retries = ?, waiting = ?, pause_requested = ?,
	crash_signature = ?, crash_step = ?, thinned_at = CASE WHEN ? THEN thinned_at END
WHERE id = ?`,
		job.Status, job.Phase, job.PhaseProgress, job.Progress, job.Step, job.TotalSteps, summary, failure,
		textOrNull(r.AdapterID), microsOrNull(job.StartedAt), microsOrNull(job.CompletedAt), microsOrNull(job.EstimatedFinish), r.LastCursor,
		r.CancelRequested, micros(c.now),
		job.Priority, job.Device, r.MemoryBytes, micros(r.QueuedAt), microsOrNull(r.NotBefore), job.Attempts, r.Retries, waiting, pauseRequested,
		crash.Signature, crash.Step, job.Status.Final(), // what a job that runs again adds has not been thinned
		job.JobID)
	return err
}
