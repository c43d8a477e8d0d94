package engine

import "github.com/shannon-labs/scu/protocol"

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
}
