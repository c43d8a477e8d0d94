package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// Job is what to train. Every path is absolute.
type Job struct {
	Model       string // a directory or a GGUF file
	ModelName   string // what adapter_config.json names as the base
	TrainData   string
	ValData     string // held-out rows; empty means a split of TrainData
	InitAdapter string // a PEFT directory to go on from; empty means a fresh adapter
	Output      string // the adapter's directory, which must not exist yet
	Device      string // cpu or cuda
	PluginDir   string // where "scu setup" put the XLA plugin
	Config      protocol.SCUConfig
	Reasons     map[string]string // of Config's values, for the plan

	// Checkpoints is the directory of this job's checkpoints; empty means that none are kept. A job that finds one there
	// goes on from it.
	Checkpoints string
	Before      Before // how an earlier process of this job fared
	CacheDir    string // of tokenised data sets; empty means that none are kept
	Build       string // of the program, for the checkpoints
	// Created is when the job was asked for, the present of chat templates that write the date; zero is now.
	Created time.Time
}

// Result is a finished job.
type Result struct {
	Summary protocol.RunSummary
	Saved   Saved
}

// ErrPause, as the cause of a cancelled context, asks a job to stop where it can go on later: at the next step boundary it
// writes a checkpoint, and Train returns a *[PausedError]. Where no checkpoints are kept, a pause is a cancel.
var ErrPause = errors.New("the job is to pause")

// PausedError is what Train returns after [ErrPause].
type PausedError struct {
	Step int // of the checkpoint that the job goes on from, the one before where another could not be written; 0 where there is none
}

func (e *PausedError) Error() string {
	return fmt.Sprintf("the job is paused, and goes on from step %d", e.Step)
}
