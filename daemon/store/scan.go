package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/shannon-labs/scu/protocol"
)

// jobColumns are the columns of jobs (as j) in the order of [jobRow]: all of them but the specification, the configuration with its
// reasons, the plan and the summary, which take most of the time.
const jobColumns = `j.sequence, j.id, j.name, j.status, j.phase, j.phase_progress, j.progress, j.step, j.total_steps, j.model_path, j.error,
	j.adapter_id, j.created_at, j.started_at, j.completed_at, j.estimated_finish, j.cancel_requested_at IS NOT NULL, j.last_cursor,
	j.owner, j.priority, j.wanted_device, j.device, j.memory_bytes, j.queued_at, j.not_before, j.attempts, j.retries, j.waiting,
	j.pause_requested, j.crash_signature, j.crash_step, j.deleting`

// selectRecords reads jobs (as j) with the metrics of their last step (as m).
const selectRecords = `
SELECT ` + jobColumns + `, j.spec, j.config, j.reasons, j.plan, j.summary, ` + metricsColumns + `
FROM jobs AS j LEFT JOIN training_metrics AS m ON m.job_id = j.id AND m.step = j.step
`

// jobRow scans jobColumns.
type jobRow struct {
	record                                      Record
	failure, adapterID, waiting, pauseRequested sql.NullString
	created, queued                             int64
	started, completed, estimated, notBefore    sql.NullInt64
	crash                                       Crash
}

func (row *jobRow) targets() []any {
	r := &row.record
	job := &r.Job
	return []any{&r.Sequence, &job.JobID, &job.Name, &job.Status, &job.Phase, &job.PhaseProgress, &job.Progress, &job.Step, &job.TotalSteps,
		&r.ModelPath, &row.failure, &row.adapterID, &row.created, &row.started, &row.completed, &row.estimated, &r.CancelRequested, &r.LastCursor,
		&r.Owner, &job.Priority, &r.Device, &job.Device, &r.MemoryBytes, &row.queued, &row.notBefore, &job.Attempts, &r.Retries, &row.waiting,
		&row.pauseRequested, &row.crash.Signature, &row.crash.Step, &r.deleting}
}

// decode fills the record with what was scanned, and returns it.
func (row *jobRow) decode() (*Record, error) {
	r := &row.record
	job := &r.Job
	job.CreatedAt, r.QueuedAt, r.NotBefore = fromMicros(row.created), fromMicros(row.queued), timeOrNil(row.notBefore)
	job.StartedAt, job.CompletedAt, job.EstimatedFinish = timeOrNil(row.started), timeOrNil(row.completed), timeOrNil(row.estimated)
	if row.crash.Signature != "" {
		r.LastCrash = &row.crash
	}
	r.AdapterID = row.adapterID.String
	if job.Status == protocol.StatusCompleted {
		job.AdapterID = r.AdapterID
	}
	var errs [3]error
	job.Error, errs[0] = parseOrNil[protocol.Error](row.failure)
	job.Waiting, errs[1] = parseOrNil[protocol.Waiting](row.waiting)
	r.PauseRequested, errs[2] = parseOrNil[protocol.Waiting](row.pauseRequested)
	return r, decodeError(r, errs[:])
}

func decodeError(r *Record, errs []error) error {
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("decode job %s: %w", r.Job.JobID, err)
	}
	return nil
}

// scanRecord scans a row of selectRecords.
func scanRecord(rows *sql.Rows) (*Record, error) {
	var row jobRow
	var spec, config, reasons string
	var plan, summary sql.NullString
	var metrics metricsRow
	if err := rows.Scan(append(append(row.targets(), &spec, &config, &reasons, &plan, &summary), metrics.targets()...)...); err != nil {
		return nil, err
	}
	r, err := row.decode()
	if err != nil {
		return nil, err
	}
	job := &r.Job
	var errs [2]error
	job.Plan, errs[0] = parseOrNil[protocol.Plan](plan)
	job.Summary, errs[1] = parseOrNil[protocol.RunSummary](summary)
	job.Metrics = metrics.valueOrNil()
	job.Config = &r.Ordered
	if job.Plan != nil {
		job.Config = &job.Plan.Config
	}
	return r, decodeError(r, append(errs[:],
		json.Unmarshal([]byte(spec), &job.Spec),
		json.Unmarshal([]byte(config), &r.Ordered),
		json.Unmarshal([]byte(reasons), &r.Reasons)))
}

// scanLiving scans a row of jobColumns alone.
func scanLiving(rows *sql.Rows) (*Record, error) {
	var row jobRow
	if err := rows.Scan(row.targets()...); err != nil {
		return nil, err
	}
	return row.decode()
}

func scanText(rows *sql.Rows) (text string, err error) {
	err = rows.Scan(&text)
	return text, err
}

// scanAll scans every row, and closes them.
func scanAll[T any](rows *sql.Rows, scan func(*sql.Rows) (T, error)) ([]T, error) {
	defer rows.Close()
	var all []T
	for rows.Next() {
		next, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, next)
	}
	return all, rows.Err()
}
