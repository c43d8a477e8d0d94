package plan

import (
	"fmt"
	"math"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/lora"
	"github.com/shannon-labs/scu/trainer/scu"
)

// assumedDataBPT is what the base model is taken to spend on a target token, in bits, before anything is measured.
// Language models of 0.1 to 10 billion parameters spend 2 to 4 on prose and on answers.
const assumedDataBPT = 3.0

// settlePrior fixes the prior's width now that N is known, and predicts S at step 0. An automatic width is the one at
// which training begins at the target: then the controller has to hold S, not to drag it over orders of magnitude.
// With the prior centred on the initial weights Σ(w−c)² begins at 0, and so does S; the width is the same.
func settlePrior(p *protocol.Plan, layout *lora.Layout) {
	c := &p.Config
	squares := layout.ExpectedInitialSquares()
	p.AssumedDataBPT = assumedDataBPT
	if c.PriorSigma == 0 {
		c.PriorSigma = scu.SigmaFor(c.TargetS, assumedDataBPT, squares, p.TargetTokens)
		p.Reasons["prior_sigma"] = fmt.Sprintf("S begins at its target %g for N = %d target tokens and %d adapted matrices of rank %d, if a target token costs %g bits",
			c.TargetS, p.TargetTokens, len(layout.Slots), c.LoraR, assumedDataBPT)
	}
	if c.PriorCenter == protocol.CenterZero {
		prior := scu.Prior{Sigma: c.PriorSigma, TargetTokens: p.TargetTokens}
		p.PredictedStartS = scu.Ratio(assumedDataBPT, prior.BitsPerToken(squares))
		warnUnreachable(p, layout, squares)
	}
}

// warnUnreachable compares how far S has to go with how far it can. AdamW moves a weight by about the learning rate a
// step at most, so the sum of the learning rates over the run bounds every weight's way: A's weights, of root mean
// square 1/√(3·in), must shrink by the factor that brings S down, or B's grow from 0 by what brings it up.
func warnUnreachable(p *protocol.Plan, layout *lora.Layout, squares float64) {
	c := &p.Config
	if c.Mode != protocol.ModePI || math.Abs(p.PredictedStartS-c.TargetS) <= c.Deadband {
		return
	}
	odds := func(s float64) float64 { return s / (1 - s) }
	wanted := squares * odds(c.TargetS) / odds(p.PredictedStartS) // Σw² at which S is at its target
	way := float64(p.TotalSteps) * c.LearningRate
	if c.Schedule != protocol.ScheduleConstant {
		way /= 2 // the mean of a ramp up and down is half its peak
	}
	reachable := false
	if wanted < squares {
		widest := layout.Slots[0].In
		for _, slot := range layout.Slots {
			widest = max(widest, slot.In)
		}
		reachable = way >= (1-math.Sqrt(wanted/squares))/math.Sqrt(3*float64(widest))
	} else {
		weightsOfB := 0
		for _, slot := range layout.Slots {
			weightsOfB += slot.Out * c.LoraR
		}
		reachable = squares+float64(weightsOfB)*way*way >= wanted
	}
	if reachable {
		return
	}
	p.Warnings = append(p.Warnings, fmt.Sprintf(
		"S is predicted to begin at %.4g and cannot come to its target %.4g in %d steps at learning rate %g; prior_sigma %.4g (or auto) would begin at the target, or target_s %.4g would suit this prior_sigma",
		p.PredictedStartS, c.TargetS, p.TotalSteps, c.LearningRate,
		scu.SigmaFor(c.TargetS, assumedDataBPT, squares, p.TargetTokens), p.PredictedStartS))
}
