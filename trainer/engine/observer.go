package engine

import (
	"context"

	"github.com/shannon-labs/scu/protocol"
)

// Observer is told how a job goes, from the goroutine that runs it. What it does not return from holds the job up.
//
// A job that goes on from a checkpoint tells the steps after it again, though another process may have told of them:
// the same steps with the same figures, but for those of time and memory. So an observer that keeps them counts by step.
type Observer interface {
	Phase(phase protocol.Phase)
	Progress(phase protocol.Phase, percent float64) // of a phase that takes longer than a second
	Plan(plan *protocol.Plan)                       // again whenever it changes
	Step(metrics *protocol.TrainingMetrics)
	Evaluated(evaluation protocol.Evaluation) // after the Step that it follows
	Log(message string, warning bool)
	// Memory tells how much of the device's memory the job has taken at most: once the first step was run, and again when
	// that has grown by a tenth. Nothing is told of devices that do not say it, which are all but the CPU.
	Memory(bytes int64)
	// Sync returns when everything told so far is kept for good, or earlier with an error, which ends the job, and which is
	// ctx's when that ends. It is called before a checkpoint is written: a job that goes on from one tells nothing of the
	// steps before it, so what was told of them must not get lost any more.
	Sync(ctx context.Context) error
}
