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

// SettlePrior fixes the prior's width, when it is automatic (0 in asked), and predicts S at step 0, for a base model that
// spends dataBPT bits on a target token and an adapter that begins with this Σw². It can be called again when better
// figures are at hand.
//
// An automatic width is the one at which training begins at the target: then the controller has to hold S, not to drag
// it over orders of magnitude. With the prior centred on the initial weights Σ(w−c)² begins at 0, and so does S; the
// width is the same.
func SettlePrior(p *protocol.Plan, asked protocol.SCUConfig, layout *lora.Layout, squares, dataBPT float64) {
	c := &p.Config
	p.AssumedDataBPT = dataBPT
	if asked.PriorSigma == 0 {
		c.PriorSigma = scu.SigmaFor(c.TargetS, dataBPT, squares, p.TargetTokens)
		p.Reasons["prior_sigma"] = fmt.Sprintf("S begins at its target %.4g with N = %d target tokens and %d adapted matrices of rank %d, when a target token costs %.4g bits",
			c.TargetS, p.TargetTokens, len(layout.Slots), c.LoraR, dataBPT)
	}
	p.PredictedStartS = 0
	if c.PriorCenter == protocol.CenterZero {
		p.PredictedStartS = scu.Ratio(dataBPT, scu.Prior{Sigma: c.PriorSigma, TargetTokens: p.TargetTokens}.BitsPerToken(squares))
	}
}

// unreachable says that S cannot come to its target, and what would do; empty when it can. It compares how far S has to go
// with how far it can. AdamW moves a weight by about the learning rate a step at most, so the sum of the learning rates
// over the run bounds every weight's way: A's weights, of root mean square 1/√(3·in), must shrink by the factor that
// brings S down, or B's grow from 0 by what brings it up.
func unreachable(p *protocol.Plan, layout *lora.Layout) string {
	c := &p.Config
	if c.Mode != protocol.ModePI || c.PriorCenter != protocol.CenterZero || math.Abs(p.PredictedStartS-c.TargetS) <= c.Deadband {
		return ""
	}
	squares := layout.ExpectedInitialSquares()
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
		return ""
	}
	return fmt.Sprintf(
		"S is predicted to begin at %.4g and cannot come to its target %.4g in %d steps at learning rate %g; prior_sigma %.4g (or auto) would begin at the target, or target_s %.4g would suit this prior_sigma",
		p.PredictedStartS, c.TargetS, p.TotalSteps, c.LearningRate,
		scu.SigmaFor(c.TargetS, p.AssumedDataBPT, squares, p.TargetTokens), p.PredictedStartS)
}
