package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/shannon-labs/scu/protocol"
)

// Events returns at most limit events of a job with cursors above after, in order and without a gap, but for metrics that
// [Store.Downsample] has thinned.
func (s *Store) Events(ctx context.Context, jobID string, after int64, limit int) (events []protocol.JobEvent, err error) {
	// Both tables are read in one transaction: a batch committed in between would leave a gap.
	err = inTransaction(ctx, s.read, func(tx *sql.Tx) error {
		others, err := selectEvents(ctx, tx, jobID, after, limit)
		if err != nil {
			return err
		}
		metrics, err := selectMetrics(ctx, tx, `m.job_id = `+textParameter+` AND m.cursor > ? ORDER BY m.cursor LIMIT ?`, jobID, after, limit)
		if err != nil {
			return err
		}
		events = mergeEvents(jobID, others, metrics, limit)
		return nil
	})
	if err != nil {
		return nil, s.explain(fmt.Sprintf("read events of job %s", jobID), err)
	}
	return events, nil
}

// mergeEvents merges two lists that are in the order of cursors into one of at most limit.
func mergeEvents(jobID string, others []protocol.JobEvent, metrics []metricsRow, limit int) []protocol.JobEvent {
	merged := make([]protocol.JobEvent, 0, min(limit, len(others)+len(metrics)))
	for len(merged) < limit && len(others)+len(metrics) > 0 {
		if len(metrics) == 0 || len(others) > 0 && others[0].Cursor < metrics[0].cursor.Int64 {
			merged, others = append(merged, others[0]), others[1:]
			continue
		}
		m := metrics[0].valueOrNil()
		merged = append(merged, protocol.JobEvent{
			Cursor: metrics[0].cursor.Int64, JobID: jobID, Type: protocol.EventMetrics, Metrics: m, CreatedAt: m.CreatedAt})
		metrics = metrics[1:]
	}
	return merged
}

// selectEvents reads the table events alone, where metrics are not.
func selectEvents(ctx context.Context, from queryer, jobID string, after int64, limit int) ([]protocol.JobEvent, error) {
	rows, err := from.QueryContext(ctx,
		`SELECT cursor, type, payload, created_at FROM events WHERE job_id = `+textParameter+` AND cursor > ? ORDER BY cursor LIMIT ?`, jobID, after, limit)
	if err != nil {
		return nil, err
	}
	return scanEvents(rows, jobID)
}

func scanEvents(rows *sql.Rows, jobID string) ([]protocol.JobEvent, error) {
	defer rows.Close()
	var events []protocol.JobEvent
	for rows.Next() {
		event := protocol.JobEvent{JobID: jobID}
		var payload string
		var created int64
		if err := rows.Scan(&event.Cursor, &event.Type, &payload, &created); err != nil {
			return nil, err
		}
		event.CreatedAt = fromMicros(created)
		var err error
		switch event.Type {
		case protocol.EventState:
			err = json.Unmarshal([]byte(payload), &event.Status)
		case protocol.EventPlan:
			err = json.Unmarshal([]byte(payload), &event.Plan)
		case protocol.EventEval:
			err = json.Unmarshal([]byte(payload), &event.Eval)
		default:
			err = json.Unmarshal([]byte(payload), &event.Message)
		}
		if err != nil {
			return nil, fmt.Errorf("decode event %d: %w", event.Cursor, err)
		}
		events = append(events, event)
	}
	return events, rows.Err()
}

// Messages returns the newest log and warning events of a job, at most limit, the oldest of them first.
func (s *Store) Messages(ctx context.Context, jobID string, limit int) ([]protocol.JobEvent, error) {
	rows, err := s.read.QueryContext(ctx, `
SELECT cursor, type, payload, created_at FROM (
	SELECT * FROM events WHERE job_id = `+textParameter+` AND type IN ('log', 'warning') ORDER BY cursor DESC LIMIT ?)
ORDER BY cursor`, jobID, limit)
	if err != nil {
		return nil, s.explain(fmt.Sprintf("read log lines of job %s", jobID), err)
	}
	events, err := scanEvents(rows, jobID)
	if err != nil {
		return nil, s.explain(fmt.Sprintf("read log lines of job %s", jobID), err)
	}
	return events, nil
}
