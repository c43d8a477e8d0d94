package engine

import (
	"context"
	"errors"
	"math"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/checkpoint"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/durable"
	"github.com/shannon-labs/scu/trainer/lora"
	"github.com/shannon-labs/scu/trainer/model"
	"github.com/shannon-labs/scu/trainer/plan"
	"github.com/shannon-labs/scu/trainer/weights"
)

// run is one job under way.
type run struct {
	job      Job
	observer Observer
	phase    protocol.Phase
	source   *weights.Model
	layout   *lora.Layout
	plan     *protocol.Plan

	trainFeed, valFeed *data.Feed  // valFeed is nil without held-out rows
	report             data.Report // of the training rows
	valTargets         int

	checkpoints *checkpointing
	identity    checkpoint.Identity
	saved       *checkpoint.Checkpoint // what the run goes on from; nil for a new one

	base      *model.Base
	programs  *model.Programs
	optimizer *model.Optimizer
	fit       fit
	// stopsWithoutMemory says that the run ends when memory runs out, instead of going on in smaller parts: on the CPU nothing
	// can be trusted that is computed in a process which has been refused memory (see hostmemory). Another process may go
	// on from the checkpoint, see [Before].
	stopsWithoutMemory bool

	freeBytes  func(directory string) (int64, error) // of its file system
	measured   measured
	memoryTold int64 // bytes, to the observer
}

// measured is what was measured before the first step.
type measured struct {
	base         *protocol.Float // bits per target token of the held-out rows without an adapter; nil without such rows
	startCost    float64         // bits: what a target token costs as training begins
	startSquares float64         // Σw² of the adapter as training begins
}

// Train runs a job to its end. When ctx ends it stops at the next micro-batch with ctx's error, and leaves nothing on
// disk but its checkpoints; see [ErrPause] for the other way to stop. Errors that a person can mend are *protocol.Error.
func Train(ctx context.Context, job Job, observer Observer) (*Result, error) {
	return newRun(job, observer).end(ctx)
}

func newRun(job Job, observer Observer) *run {
	return &run{job: job, observer: observer, stopsWithoutMemory: job.Device == "cpu", freeBytes: durable.FreeBytes}
}

// end takes a run to its end.
func (r *run) end(ctx context.Context) (*Result, error) {
	defer r.close()
	result, err := r.train(ctx)
	var paused *PausedError
	switch {
	case err == nil:
		return result, nil
	case errors.As(err, &paused):
		return nil, paused
	case pausing(ctx) && r.checkpoints != nil && stopped(err):
		return nil, &PausedError{r.checkpoints.step} // what came before the first step is done again
	}
	return nil, explain(err)
}

// stopped reports whether a job ended because its context did.
func stopped(err error) bool {
	var known *protocol.Error
	return errors.Is(err, context.Canceled) || errors.As(err, &known) && known.Code == protocol.CodeCancelled
}

func (r *run) close() {
	if r.optimizer != nil {
		r.optimizer.Close()
	}
	if r.programs != nil {
		r.programs.Close()
	}
	if r.base != nil {
		r.base.Close()
	}
	if r.source != nil {
		r.source.Close()
	}
}

func (r *run) train(ctx context.Context) (*Result, error) {
	plugin, err := findPlugin(r.job.Device, r.job.PluginDir)
	if err != nil {
		return nil, err
	}
	if err := r.openCheckpoints(); err != nil {
		return nil, err
	}
	r.enter(protocol.PhaseTokenizing)
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	if err := r.checkIdentity(); err != nil {
		return nil, err
	}
	r.enter(protocol.PhaseLoading)
	if err := r.load(plugin); err != nil {
		return nil, err
	}
	if err := r.fitOnDevice(ctx, r.compile(ctx)); err != nil {
		return nil, err
	}
	if err := r.measureStart(ctx); err != nil {
		return nil, err
	}
	t, err := newTraining(r)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	work, stop := untilCancelled(ctx)
	defer stop()
	if err := t.takeSteps(work, ctx); err != nil {
		return nil, err
	}
	return t.save(work)
}

// enter tells that a phase begins.
func (r *run) enter(phase protocol.Phase) {
	r.phase = phase
	r.observer.Phase(phase)
}

func pausing(ctx context.Context) bool { return errors.Is(context.Cause(ctx), ErrPause) }

// untilCancelled is ctx while it only asks to pause: what must come to a step boundary first is not cut short by that.
func untilCancelled(ctx context.Context) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if !pausing(ctx) {
			cancel()
		}
	})
	return work, func() { stop(); cancel() }
}

// measureStart scores the base model and settles the prior by what a token costs. A run that goes on has done so before.
func (r *run) measureStart(ctx context.Context) error {
	if r.saved == nil {
		var err error
		if r.measured.base, err = r.evaluateBase(ctx); err != nil {
			return err
		}
		if r.measured.startCost, err = r.startCost(ctx, r.measured.base); err != nil {
			return err
		}
	}
	// The measured cost of a token replaces the assumed one, so that S begins where it was predicted.
	plan.SettlePrior(r.plan, r.job.Config, r.layout, r.measured.startSquares, r.measured.startCost)
	if r.saved != nil {
		r.plan.Config.PriorSigma = r.saved.State.PriorSigma
	}
	r.observer.Plan(r.plan)
	return nil
}

// sumOfSquares is Σw² over the matrices of an adapter, which is what the prior is on.
func sumOfSquares(layout *lora.Layout, values []float32) float64 {
	total := 0.0
	for _, w := range values[:layout.Matrices] {
		total += float64(w) * float64(w)
	}
	return total
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
