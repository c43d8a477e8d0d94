package daemon

import (
	"context"
	"fmt"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/protocol/frame"
)

// mostDeaths bounds how many workers of a run may die because memory ran out. Each begins with half of the micro-batch of
// the one before, so that no job gets there whose workers do as they are told.
const mostDeaths = 16

// work runs a job's worker. Where it dies because memory ran out another one goes on from its last checkpoint, in smaller
// pieces, until it is done or the pieces do not get any smaller.
//
// How small they are stands in the plan that a worker tells, and so in the store: a job that is tried again, by this daemon
// or the next, begins with what the last plan had come down to. What is not stored is that the worker with this plan died
// too; its daemon must have died at the same moment, and the job then dies once more than it had to.
func (d *daemon) work(r *run, record *store.Record) supervise.Outcome {
	before := fitOf(record)
	for deaths := 1; ; deaths++ {
		outcome := d.workOnce(r, record, before)
		if outcome.Kind != supervise.OutOfMemory {
			return outcome
		}
		if r.how().verdict != goOn {
			return supervise.Outcome{Kind: supervise.Paused} // what the verdict says comes of it
		}
		now, err := d.store.Job(context.Background(), r.jobID)
		if err != nil {
			return supervise.Outcome{Kind: supervise.Failed, Error: asProtocolError(err)}
		}
		fit := fitOf(now)
		if deaths > 1 && !smaller(fit, before) || deaths == mostDeaths {
			return outcome
		}
		if err := d.tellDeath(r, now, outcome); err != nil {
			return supervise.Outcome{Kind: supervise.Failed, Error: asProtocolError(err)}
		}
		if err := d.removeAdapter(now.AdapterID); err != nil {
			d.logger.Error("cannot remove an unfinished adapter", "job", r.jobID, "error", err)
		}
		fit.OutOfMemory = outcome.Error.Message
		record, before = now, fit
	}
}

// tellDeath tells of a worker that died because memory ran out, and of what follows.
func (d *daemon) tellDeath(r *run, record *store.Record, outcome supervise.Outcome) error {
	message := fmt.Sprintf("after step %d %s; another one %s with less at once", record.Job.Step, outcome.Error.Message, d.howItGoesOn(r.jobID))
	d.logger.Warn("a worker ran out of memory", "job", r.jobID, "name", record.Job.Name, "step", record.Job.Step, "error", outcome.Error.Message)
	warning := frame.Event{Log: &frame.Log{Message: clipMessage(message), Warning: true}}
	return d.persistFor(r, func(ctx context.Context) error { return d.store.RecordFrames(ctx, r.jobID, []frame.Event{warning}) })
}

// fitOf is how the last worker of a job made it fit the memory, as the plan that it told says. Its accumulation is longer
// than the one ordered by as much as each micro-batch was run in parts.
func fitOf(record *store.Record) frame.Fit {
	told, ordered := record.Job.Plan, &record.Ordered
	if told == nil || ordered.GradAccum < 1 {
		return frame.Fit{}
	}
	return frame.Fit{
		Parts:             told.Config.GradAccum / ordered.GradAccum,
		GradCheckpointing: told.Config.GradCheckpointing && !ordered.GradCheckpointing,
	}
}

// smaller reports whether a fit takes less memory than another. The zero value has one part.
func smaller(fit, than frame.Fit) bool {
	parts, thanParts := max(1, fit.Parts), max(1, than.Parts)
	return parts > thanParts || parts == thanParts && fit.GradCheckpointing && !than.GradCheckpointing
}
