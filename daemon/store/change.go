package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// change is one write transaction on one job.
type change struct {
	ctx    context.Context
	tx     *sql.Tx
	record *Record
	now    time.Time
}

// change loads a job, lets do alter it, and writes it back, in one transaction. An error from do leaves no trace. It
// returns the job as it then stands.
func (s *Store) change(ctx context.Context, action, jobID string, do func(*change) error) (*Record, error) {
	var record *Record
	err := inTransaction(ctx, s.write, func(tx *sql.Tx) (err error) {
		if record, err = oneRecord(ctx, tx, `WHERE j.id = ?`, jobID); err != nil {
			return err
		}
		before := record.LastCursor
		if err := do(&change{ctx: ctx, tx: tx, record: record, now: time.Now().UTC()}); err != nil {
			return err
		}
		if record.LastCursor == before {
			return nil
		}
		return record.save(ctx, tx)
	})
	if err != nil {
		return nil, s.explain(fmt.Sprintf("%s job %s", action, jobID), err)
	}
	s.changed(jobID)
	return record, nil
}

// move takes the job to another state and tells of it. Whatever else belongs to the new state must be set before.
func (c *change) move(to protocol.Status) error {
	job := &c.record.Job
	if err := checkMove(job.JobID, job.Status, to); err != nil {
		return err
	}
	job.Status, job.Phase, job.PhaseProgress, job.EstimatedFinish = to, "", 0, nil
	if to.Final() {
		job.CompletedAt = &c.now
	}
	return c.tellState()
}

// tellState adds a state event with the job's status as it is now, without metrics, which have their own events.
func (c *change) tellState() error {
	status := c.record.Job.TrainingStatus
	status.Metrics = nil
	return c.tell(protocol.JobEvent{Type: protocol.EventState, Status: &status})
}

// tell adds an event, whatever its type but metrics, at the next cursor.
func (c *change) tell(event protocol.JobEvent) error {
	cursor := c.nextCursor()
	var payload any
	switch event.Type {
	case protocol.EventState:
		payload = event.Status
	case protocol.EventPlan:
		payload = event.Plan
	case protocol.EventEval:
		payload = event.Eval
	case protocol.EventLog, protocol.EventWarning:
		payload = event.Message
	default:
		return fmt.Errorf("an event of type %q cannot be stored", event.Type)
	}
	text, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("encode a %s event: %w", event.Type, err)
	}
	_, err = c.tx.ExecContext(c.ctx, `INSERT INTO events (job_id, cursor, type, payload, created_at) VALUES (?, ?, ?, ?, ?)`,
		c.record.Job.JobID, cursor, event.Type, string(text), micros(c.now))
	return err
}

func (c *change) nextCursor() int64 {
	c.record.LastCursor++
	return c.record.LastCursor
}
