package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// change is one write to one job, inside the writer's transaction.
type change struct {
	ctx    context.Context
	store  *Store
	tx     transaction
	record *Record
	now    time.Time

	progressOnly bool // nothing is to be saved but what [change.saveProgress] saves
}

// change loads a job, lets do alter it, and writes it back, in one transaction. An error from do leaves no trace. It
// returns the job as it then stands. The verb says in errors what was to be done to the job.
func (s *Store) change(ctx context.Context, verb, jobID string, do func(*change) error) (*Record, error) {
	var record *Record
	err := s.writer.submit(ctx, func(ctx context.Context, tx transaction) (changed string, err error) {
		if record, err = oneRecord(ctx, tx, whereID, jobID); err != nil {
			return "", err
		}
		before := record.LastCursor
		c := &change{ctx: ctx, store: s, tx: tx, record: record, now: s.now()}
		if err := do(c); err != nil {
			return "", err
		}
		if record.LastCursor != before {
			changed = jobID
		}
		if c.progressOnly {
			return changed, c.saveProgress()
		}
		return changed, c.save()
	})
	if err != nil {
		return nil, s.explain(fmt.Sprintf("%s job %s", verb, jobID), err)
	}
	return record, nil
}

// move takes the job to the state to which an action leads, and tells of it. Whatever else belongs to the new state must
// be set before.
func (c *change) move(a action) error {
	job := &c.record.Job
	if err := check(a, job); err != nil {
		return err
	}
	from, to := job.Status, transitions[a].to
	if from == protocol.StatusRunning {
		if err := c.closeRun(to); err != nil {
			return fmt.Errorf("close the run: %w", err)
		}
		c.record.CancelRequested, c.record.PauseRequested = false, nil
	}
	job.Status, job.Phase, job.PhaseProgress, job.EstimatedFinish = to, "", 0, nil
	if to != protocol.StatusQueued && to != protocol.StatusPaused {
		job.Waiting = nil
	}
	if to != protocol.StatusQueued {
		c.record.NotBefore = nil
	}
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
