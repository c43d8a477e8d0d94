package engine

import "github.com/shannon-labs/scu/protocol"

// Observer is told how a job goes, from the goroutine that runs it. What it does not return from holds the job up.
type Observer interface {
	Phase(phase protocol.Phase)
	Plan(plan *protocol.Plan)
	Step(metrics *protocol.TrainingMetrics)
	Evaluated(evaluation protocol.Evaluation)
	Log(message string, warning bool)
}
