package store

import "github.com/shannon-labs/scu/protocol"

// Where on the way from 0 to 100 percent a phase begins. Training takes nearly all of the time, so it has nearly all of
// the way.
const (
	progressTokenizing = 2
	progressCompiling  = 4
	progressTraining   = 6
	progressSaving     = 97
)

// progress is the percentage of a running job from its phase and its optimizer steps. It never falls below what it was,
// since evaluation and checkpoints interrupt the training.
func progress(was float64, phase protocol.Phase, step, totalSteps int) float64 {
	at := 0.0
	switch phase {
	case protocol.PhaseTokenizing:
		at = progressTokenizing
	case protocol.PhaseCompiling:
		at = progressCompiling
	case protocol.PhaseTraining, protocol.PhaseEvaluating, protocol.PhaseCheckpointing:
		at = progressTraining
		if totalSteps > 0 {
			at += (progressSaving - progressTraining) * min(1, float64(step)/float64(totalSteps))
		}
	case protocol.PhaseSaving, protocol.PhaseUploading:
		at = progressSaving
	}
	return max(was, at)
}
