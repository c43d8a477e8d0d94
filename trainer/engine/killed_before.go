package engine

import (
	"errors"

	"github.com/shannon-labs/scu/protocol"
)

// Before is how an earlier process had made the micro-batches of a job fit the memory. The zero value is that of a job
// that has none, or of one that ran as its settings say.
type Before struct {
	Parts             int  // in which it ran each micro-batch; 0 means 1
	GradCheckpointing bool // because memory demanded it, and not because it was asked for

	// OutOfMemory says how it ended all the same because memory ran out, so that this one has to begin smaller; empty if it
	// did not. On the CPU that is how memory mostly runs out: without an error that the process could answer by itself.
	OutOfMemory string
}

// beginFit settles how the run begins, and tells the plan. A fit in which an earlier process was killed is not tried again.
func (r *run) beginFit(config *protocol.SCUConfig) error {
	before := r.job.Before
	r.fit = newFit(config, r.saved).noLarger(before)
	if before.OutOfMemory != "" && r.fit == newFit(config, nil).noLarger(before) {
		return r.comeDown("the worker before this one ended because memory ran out", errors.New(before.OutOfMemory))
	}
	r.fit.apply(&r.job.Config, r.plan)
	r.observer.Plan(r.plan)
	return nil
}

// noLarger is a fit as small as f and as an earlier one: what did not fit then would not fit now.
func (f fit) noLarger(before Before) fit {
	return fit{max(f.parts, before.Parts), f.gradCheckpointing || before.GradCheckpointing}
}
