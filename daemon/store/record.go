package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/shannon-labs/scu/protocol"
)

// Record is a row of jobs: the job as clients see it, and what only the daemon needs.
type Record struct {
	Job             protocol.Job       // without queue position and log lines; its Config is the plan's, once there is one
	Ordered         protocol.SCUConfig // the configuration with which every worker of the job is started
	Sequence        int64              // grows with each job created
	ModelPath       string             // of the base model, absolute
	AdapterID       string             // allotted when the job started; the adapter itself stands only if the job completed
	CancelRequested bool
	LastCursor      int64             // of the newest event
	Reasons         map[string]string // of the configuration's values, from planning
}

// queryer is a pool or a transaction.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// selectRecords reads jobs (as j) with the metrics of their last step (as m).
const selectRecords = `
SELECT j.sequence, j.id, j.name, j.status, j.phase, j.phase_progress, j.progress, j.step, j.total_steps, j.spec, j.config, j.reasons,
	j.model_path, j.plan, j.summary, j.error, j.adapter_id, j.created_at, j.started_at, j.completed_at, j.estimated_finish,
	j.cancel_requested_at IS NOT NULL, j.last_cursor, ` + metricsColumns + `
FROM jobs AS j LEFT JOIN training_metrics AS m ON m.job_id = j.id AND m.step = j.step
`

// records runs selectRecords with more clauses.
func records(ctx context.Context, from queryer, clauses string, args ...any) ([]*Record, error) {
	rows, err := from.QueryContext(ctx, selectRecords+clauses, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []*Record
	for rows.Next() {
		record, err := scanRecord(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, record)
	}
	return all, rows.Err()
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

func scanRecord(rows *sql.Rows) (*Record, error) {
	var (
		r                                 Record
		spec, config, reasons             string
		plan, summary, failure, adapterID sql.NullString
		created                           int64
		started, completed, estimated     sql.NullInt64
		metrics                           metricsRow
	)
	job := &r.Job
	targets := []any{&r.Sequence, &job.JobID, &job.Name, &job.Status, &job.Phase, &job.PhaseProgress, &job.Progress, &job.Step, &job.TotalSteps,
		&spec, &config, &reasons, &r.ModelPath, &plan, &summary, &failure, &adapterID, &created, &started, &completed,
		&estimated, &r.CancelRequested, &r.LastCursor}
	if err := rows.Scan(append(targets, metrics.targets()...)...); err != nil {
		return nil, err
	}
	job.CreatedAt, job.StartedAt, job.CompletedAt, job.EstimatedFinish = fromMicros(created), timeOrNil(started), timeOrNil(completed), timeOrNil(estimated)
	job.Metrics = metrics.valueOrNil()
	r.AdapterID = adapterID.String
	if job.Status == protocol.StatusCompleted {
		job.AdapterID = adapterID.String
	}
	var errs [3]error
	job.Plan, errs[0] = parseOrNil[protocol.Plan](plan)
	job.Summary, errs[1] = parseOrNil[protocol.RunSummary](summary)
	job.Error, errs[2] = parseOrNil[protocol.Error](failure)
	err := errors.Join(append(errs[:],
		json.Unmarshal([]byte(spec), &job.Spec),
		json.Unmarshal([]byte(config), &r.Ordered),
		json.Unmarshal([]byte(reasons), &r.Reasons))...)
	if err != nil {
		return nil, fmt.Errorf("decode job %s: %w", job.JobID, err)
	}
	job.Config = &r.Ordered
	if job.Plan != nil {
		job.Config = &job.Plan.Config
	}
	return &r, nil
}

// save writes back every column that can change.
func (r *Record) save(ctx context.Context, tx *sql.Tx) error {
	job := &r.Job
	plan, err1 := jsonOrNull(job.Plan)
	summary, err2 := jsonOrNull(job.Summary)
	failure, err3 := jsonOrNull(job.Error)
	if err := errors.Join(err1, err2, err3); err != nil {
		return fmt.Errorf("encode job %s: %w", job.JobID, err)
	}
	_, err := tx.ExecContext(ctx, `
UPDATE jobs SET status = ?, phase = ?, phase_progress = ?, progress = ?, step = ?, total_steps = ?, plan = ?, summary = ?, error = ?,
	adapter_id = ?, started_at = ?, completed_at = ?, estimated_finish = ?, last_cursor = ? WHERE id = ?`,
		job.Status, job.Phase, job.PhaseProgress, job.Progress, job.Step, job.TotalSteps, plan, summary, failure,
		textOrNull(r.AdapterID), microsOrNull(job.StartedAt), microsOrNull(job.CompletedAt), microsOrNull(job.EstimatedFinish),
		r.LastCursor, job.JobID)
	return err
}
