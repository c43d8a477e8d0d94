package main

import (
	"fmt"
	"slices"
	"strings"
)

// benchCase is one shape of a step, and what it should reach.
type benchCase struct {
	Name         string  `json:"name"`
	Rows         int     `json:"rows"`
	Length       int     `json:"length"` // tokens in a row
	Precision    string  `json:"precision"`
	FirstTarget  int     `json:"first_target"`  // the tokens of a row from this one on are targets
	SpeedGoal    float64 `json:"speed_goal"`    // of PyTorch's, at least
	MemoryGoal   float64 `json:"memory_goal"`   // of PyTorch's, at most
	ControlGoal  float64 `json:"control_goal"`  // step time with the controller on, of that with it off, at most
	CompareModes bool    `json:"compare_modes"` // measure the controller on against off too
}

// The goals, and the first target where every token but the first is one.
const (
	floatSpeedGoal    = 1.15
	bfloatSpeedGoal   = 1.35
	fewTargetsGoal    = 1.5
	memoryGoal        = 0.85
	controlGoal       = 1.01
	everyTokenTargets = 1
)

var benchCases = makeCases()

func makeCases() []benchCase {
	var cases []benchCase
	for _, precision := range []string{"f32", "bf16"} {
		goal := floatSpeedGoal
		if precision == "bf16" {
			goal = bfloatSpeedGoal
		}
		base := benchCase{Precision: precision, FirstTarget: everyTokenTargets, SpeedGoal: goal, MemoryGoal: memoryGoal, ControlGoal: controlGoal}
		for _, shape := range [][2]int{{2, 256}, {4, 256}, {1, 1024}} {
			c := base
			c.Rows, c.Length = shape[0], shape[1]
			c.Name = fmt.Sprintf("%dx%d-%s", c.Rows, c.Length, precision)
			c.CompareModes = c.Rows == 2
			cases = append(cases, c)
		}
		quarter := base
		quarter.Name, quarter.Rows, quarter.Length = "2x256-quarter-"+precision, 2, 256
		quarter.FirstTarget, quarter.SpeedGoal = 3*quarter.Length/4, fewTargetsGoal
		cases = append(cases, quarter)
	}
	return cases
}

func caseNames() string {
	var names []string
	for _, c := range benchCases {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// selectCases returns the named cases in the order of the table; "all" names every one.
func selectCases(names string) ([]benchCase, error) {
	if names == "all" {
		return benchCases, nil
	}
	wanted := strings.Split(names, ",")
	for _, name := range wanted {
		if !slices.ContainsFunc(benchCases, func(c benchCase) bool { return c.Name == name }) {
			return nil, fmt.Errorf("there is no case %q; there are %s", name, caseNames())
		}
	}
	var selected []benchCase
	for _, c := range benchCases {
		if slices.Contains(wanted, c.Name) {
			selected = append(selected, c)
		}
	}
	return selected, nil
}

// tokens is how many a batch holds.
func (c *benchCase) tokens() int { return c.Rows * c.Length }

// batchCount is how many batches a case goes through in turn.
const batchCount = 4

// batches cuts a text into the case's batches, [batch][row][token]; a short text begins anew when it ends.
func (c *benchCase) batches(text []int32) [][][]int32 {
	at := 0
	batches := make([][][]int32, batchCount)
	for i := range batches {
		for range c.Rows {
			row := make([]int32, c.Length)
			for k := range row {
				row[k] = text[at%len(text)]
				at++
			}
			batches[i] = append(batches[i], row)
		}
	}
	return batches
}
