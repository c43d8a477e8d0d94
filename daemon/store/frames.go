package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
)

// RecordFrames stores what a worker has said, in order, in one transaction: all of the frames or none. Heartbeats, Done,
// Paused and Failed are not for the store. A job that is not running gives [ErrNotRunning].
func (s *Store) RecordFrames(ctx context.Context, jobID string, frames []frame.Event) error {
	_, err := s.change(ctx, "record progress of", jobID, func(c *change) error {
		if err := c.checkRunning(); err != nil {
			return err
		}
		c.progressOnly = true
		steps, tokens := 0, int64(0)
		for i := range frames {
			if err := c.recordFrame(&frames[i]); err != nil {
				return err
			}
			if m := frames[i].Metrics; m != nil {
				steps, tokens = steps+1, tokens+int64(m.Tokens)
			}
		}
		return c.countSteps(steps, tokens)
	})
	return err
}

func (c *change) checkRunning() error {
	if status := c.record.Job.Status; status != protocol.StatusRunning {
		return fmt.Errorf("%w: it is %s", ErrNotRunning, status)
	}
	return nil
}

func (c *change) recordFrame(f *frame.Event) error {
	switch {
	case f.Phase != nil:
		return c.recordPhase(*f.Phase)
	case f.Plan != nil:
		return c.recordPlan(*f.Plan)
	case f.Metrics != nil:
		return c.recordMetrics(*f.Metrics)
	case f.Eval != nil:
		return c.recordEvaluation(f.Eval)
	case f.Memory != nil:
		return c.recordMemory(f.Memory.Bytes)
	case f.Log != nil && f.Log.Warning:
		return c.tell(protocol.JobEvent{Type: protocol.EventWarning, Message: f.Log.Message})
	case f.Log != nil:
		return c.tell(protocol.JobEvent{Type: protocol.EventLog, Message: f.Log.Message})
	}
	return fmt.Errorf("the frame %+v has nothing to store", *f)
}

func (c *change) recordPhase(phase frame.Phase) error {
	job := &c.record.Job
	percent := min(max(phase.Percent, 0), 100)
	if job.Phase == phase.Phase && job.PhaseProgress == percent {
		return nil
	}
	job.Phase, job.PhaseProgress = phase.Phase, percent
	job.Progress = progress(job.Progress, phase.Phase, job.Step, job.TotalSteps)
	return c.tellState()
}

// recordPlan adds to the worker's plan what only the daemon's planning knew: the reasons.
func (c *change) recordPlan(plan protocol.Plan) error {
	if len(plan.Reasons) == 0 {
		plan.Reasons = c.record.Reasons
	}
	job := &c.record.Job
	job.Plan, job.Config, job.TotalSteps = &plan, &plan.Config, plan.TotalSteps
	if err := c.savePlan(); err != nil {
		return err
	}
	return c.tell(protocol.JobEvent{Type: protocol.EventPlan, Plan: &plan})
}

func (c *change) recordMetrics(m protocol.TrainingMetrics) error {
	job := &c.record.Job
	if m.Step <= job.Step {
		return fmt.Errorf("the worker reported step %d after step %d", m.Step, job.Step)
	}
	if m.CreatedAt.IsZero() {
		m.CreatedAt = c.now
	}
	if err := c.insertMetrics(&m); err != nil {
		return err
	}
	job.Step, job.Metrics = m.Step, &m
	job.Progress = progress(job.Progress, protocol.PhaseTraining, m.Step, job.TotalSteps)
	job.EstimatedFinish = finishAfter(c.now, float64(m.EtaMinutes))
	return nil
}

// recordEvaluation tells of an evaluation unless one of this step or a later one has been told: a worker that goes on from
// a checkpoint evaluates anew what came after it.
func (c *change) recordEvaluation(e *protocol.Evaluation) error {
	var told int
	err := c.tx.QueryRowContext(c.ctx, `SELECT json_extract(payload, '$.step') FROM events WHERE job_id = ? AND type = 'eval' ORDER BY cursor DESC LIMIT 1`,
		c.record.Job.JobID).Scan(&told)
	switch {
	case err == nil && e.Step <= told:
		return nil
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return err
	}
	return c.tell(protocol.JobEvent{Type: protocol.EventEval, Eval: e})
}

// finishAfter is now and so many minutes, or nil if the number is no estimate.
func finishAfter(now time.Time, minutes float64) *time.Time {
	const most = 60 * 24 * 3650 // ten years; more would overflow sooner or later
	if math.IsNaN(minutes) || minutes < 0 || minutes > most {
		return nil
	}
	at := now.Add(time.Duration(minutes * float64(time.Minute)))
	return &at
}
