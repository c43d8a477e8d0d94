package main

import (
	"fmt"
	"math"
)

// mostSteps bounds the steps of a turn.
const mostSteps = 8

// tolerance is how far the arms may be apart at the start: in float32 the order of sums differs, and in bfloat16 every
// product is rounded besides, at other places in each arm.
var tolerance = map[string]struct{ loss, gradient float64 }{
	"f32":  {1e-4, 1e-3},
	"bf16": {1e-2, 1e-1},
}

// compareStart loads both arms, ours first since it makes the adapter, and compares their loss and gradient.
func (d *driver) compareStart(ours, pytorch *arm, s *setup, result *caseResult) error {
	var atStart [2]started
	versions := []*[]string{&d.results.Ours, &d.results.PyTorch}
	for i, a := range []*arm{ours, pytorch} {
		about, err := a.open(s)
		if err != nil {
			return err
		}
		if err := a.ask(&request{Command: commandStart}, &atStart[i]); err != nil {
			return err
		}
		*versions[i] = about.Versions
	}
	result.LossDifference = math.Abs(atStart[0].Loss/atStart[1].Loss - 1)
	result.GradientDifference = atStart[1].GradientDifference
	most := tolerance[s.Precision]
	if !(result.LossDifference <= most.loss && result.GradientDifference <= most.gradient) {
		return fmt.Errorf("the arms do not compute the same: at the start the loss is %.6g and PyTorch's %.6g, and the gradients differ by %.2g of their length; "+
			"at most %g and %g are due to rounding", atStart[0].Loss, atStart[1].Loss, result.GradientDifference, most.loss, most.gradient)
	}
	return nil
}

// warmUp takes two steps of each arm and returns how many a turn should have.
func (d *driver) warmUp(arms ...*arm) (steps int, err error) {
	quickest := math.Inf(1)
	for _, a := range arms {
		var answer ran
		if err := a.ask(&request{Command: commandRun, Steps: 2}, &answer); err != nil {
			return 0, err
		}
		quickest = min(quickest, answer.Seconds[1])
	}
	return max(1, min(mostSteps, int(math.Ceil(d.options.turn.Seconds()/quickest)))), nil
}

// takeTurns lets the arms run in turn; the first turn of each does not count.
func (d *driver) takeTurns(ours, pytorch *arm, steps int, result *caseResult) error {
	var clock *contention
	for turn := range d.options.rounds + 1 {
		if turn == 1 {
			var err error
			if clock, err = watchContention(ours, pytorch); err != nil {
				return err
			}
		}
		var mine, theirs ran
		if err := ours.ask(&request{Command: commandRun, Steps: steps}, &mine); err != nil {
			return err
		}
		if err := pytorch.ask(&request{Command: commandRun, Steps: steps}, &theirs); err != nil {
			return err
		}
		if turn == 0 {
			continue
		}
		fmt.Fprintf(d.log, "  turn %d of %d: %.3f s a step, PyTorch %.3f s\n", turn, d.options.rounds, mean(mine.Seconds), mean(theirs.Seconds))
		result.Ours = append(result.Ours, mine.Seconds)
		result.Update = append(result.Update, mine.UpdateSeconds)
		result.PyTorch = append(result.PyTorch, theirs.Seconds)
	}
	var err error
	result.Others, err = clock.others()
	return err
}

// compareModes runs our arm with the controller on and off in turn. Which goes first alternates, so that a machine that
// drifts favours neither.
func (d *driver) compareModes(ours *arm, steps int, result *caseResult) error {
	for turn := range d.options.rounds {
		for second := range 2 {
			off := (turn+second)%2 == 1
			var answer ran
			if err := ours.ask(&request{Command: commandRun, Steps: steps, Uncontrolled: off}, &answer); err != nil {
				return err
			}
			if off {
				result.Uncontrolled = append(result.Uncontrolled, answer.Seconds)
			} else {
				result.Controlled = append(result.Controlled, answer.Seconds)
			}
		}
	}
	return nil
}
