package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/shannon-labs/scu/trainer/scu"
)

// Format is the number of the layout that this program writes, and the only one that it reads.
const Format = 1

// State is everything that a run carries from step to step besides its vectors.
type State struct {
	Format   int      `json:"format"`
	Build    string   `json:"build,omitempty"` // of the program that wrote it; for people
	Identity Identity `json:"identity"`

	Step           int `json:"step"`            // optimizer steps done
	OptimizerSteps int `json:"optimizer_steps"` // of these, the ones that moved the adapter; the others were not finite
	Epoch          int `json:"epoch"`           // the pass over the rows, from 0
	MicroBatches   int `json:"micro_batches"`   // of this pass, that have been run

	Controller   *scu.State `json:"controller,omitempty"` // nil where λ is constant
	TotalSteps   int        `json:"total_steps"`          // what the schedule is laid out for
	WarmupSteps  int        `json:"warmup_steps"`
	PriorSigma   float64    `json:"prior_sigma"`
	TargetTokens int        `json:"target_tokens"` // N

	// How the micro-batches fit the device: each is run in this many parts, and with gradient checkpointing where it did
	// not fit without. That the settings ask for it is not said here.
	Parts             int  `json:"parts"`
	GradCheckpointing bool `json:"grad_checkpointing"`

	Measured Measured `json:"measured"`
	Counters Counters `json:"counters"`
	Best     *Best    `json:"best,omitempty"` // nil before the first evaluation with a finite cost
	Last     Last     `json:"last"`
	Untold   *Untold  `json:"untold,omitempty"` // nil but at the end of training
}

// Measured is what was measured before the first step. Costs are in bits per target token.
type Measured struct {
	BaseDataBPT *Number `json:"base_data_bpt,omitempty"` // of the held-out rows without an adapter; nil where none are held out
	StartCost   float64 `json:"start_cost"`              // what the prior was settled by
	// StartSquares is Σw² of the adapter as training began.
	StartSquares float64 `json:"start_squares"`
}

// Counters add up over the whole run, whichever process took a step.
type Counters struct {
	Tokens        int     `json:"tokens"`          // run, filling not counted
	StepSeconds   float64 `json:"step_seconds"`    // in steps
	Seconds       float64 `json:"seconds"`         // since training began, evaluations included
	NonFinite     int     `json:"non_finite"`      // steps whose loss or gradient was not finite
	InARow        int     `json:"in_a_row"`        // of these, the last ones without a finite one between
	SinceBest     int     `json:"since_best"`      // evaluations since the best one
	NearTarget    bool    `json:"near_target"`     // S has been at its target, give or take the deadband
	AtLambdaBound int     `json:"at_lambda_bound"` // steps in a row, up to now, that ended with λ at a bound
}

// Best is the evaluation of the held-out rows that cost least.
type Best struct {
	Step    int     `json:"step"`
	DataBPT float64 `json:"data_bpt"`
}

// Last is what the last step told.
type Last struct {
	SRatio     Number  `json:"s_ratio"`
	SSmoothed  Number  `json:"s_smoothed"`
	Lambda     Number  `json:"lambda"`
	ValDataBPT *Number `json:"val_data_bpt,omitempty"`
}

// Untold is what the last step of the training measured. It is told only after the held-out rows have been scored, and
// the checkpoint is written before: who goes on from it scores them and tells the step. Units are those of the metrics.
type Untold struct {
	DataBPT         Number `json:"data_bpt"`
	ParamBPT        Number `json:"param_bpt"`
	TotalBPT        Number `json:"total_bpt"`
	SRatio          Number `json:"s_ratio"`
	SSmoothed       Number `json:"s_smoothed"`
	Lambda          Number `json:"lambda"`
	Integral        Number `json:"integral"`
	LearningRate    Number `json:"learning_rate"`
	Loss            Number `json:"loss"`
	GradNorm        Number `json:"grad_norm"`
	Tokens          int    `json:"tokens"`
	TargetTokens    int    `json:"target_tokens"`
	TokensPerSecond Number `json:"tokens_per_second"`
	EtaMinutes      Number `json:"eta_minutes"`
}

// ErrFormat says that a checkpoint is of a layout that this program does not know.
var ErrFormat = errors.New("the checkpoint has another format")

// ParseState reads a state.json and checks that its figures can be those of a run.
func ParseState(text []byte) (*State, error) {
	var probe struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &probe); err != nil {
		return nil, err
	}
	if probe.Format != Format {
		return nil, fmt.Errorf("%w: it is %d, and this program reads %d", ErrFormat, probe.Format, Format)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	state := &State{}
	if err := decoder.Decode(state); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the state")
	}
	return state, state.validate()
}

func (s *State) validate() error {
	counts := []struct {
		name             string
		value, low, high int
	}{
		{"total_steps", s.TotalSteps, 1, maximum},
		{"step", s.Step, 0, s.TotalSteps},
		{"optimizer_steps", s.OptimizerSteps, 0, s.Step},
		{"epoch", s.Epoch, 0, maximum},
		{"micro_batches", s.MicroBatches, 0, maximum},
		{"warmup_steps", s.WarmupSteps, 0, s.TotalSteps},
		{"target_tokens", s.TargetTokens, 1, maximum},
		{"parts", s.Parts, 1, maximum},
		{"tokens", s.Counters.Tokens, 0, maximum},
		{"non_finite", s.Counters.NonFinite, 0, s.Step},
		{"in_a_row", s.Counters.InARow, 0, s.Counters.NonFinite},
		{"since_best", s.Counters.SinceBest, 0, s.Step},
		{"at_lambda_bound", s.Counters.AtLambdaBound, 0, s.Step},
	}
	for _, c := range counts {
		if c.value < c.low || c.value > c.high {
			return fmt.Errorf("%s is %d; it must lie between %d and %d", c.name, c.value, c.low, c.high)
		}
	}
	switch {
	case !(s.PriorSigma > 0):
		return fmt.Errorf("prior_sigma is %g; it must be above 0", s.PriorSigma)
	case s.Measured.StartSquares < 0:
		return fmt.Errorf("start_squares is %g; it must be at least 0", s.Measured.StartSquares)
	case s.Counters.StepSeconds < 0 || s.Counters.Seconds < 0:
		return errors.New("a time is below 0")
	case s.Best != nil && (s.Best.Step < 0 || s.Best.Step > s.Step):
		return fmt.Errorf("the best step is %d, after %d steps", s.Best.Step, s.Step)
	}
	return nil
}

// maximum is a bound of counts that no run comes near.
const maximum = 1 << 53
