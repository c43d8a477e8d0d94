package engine

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/checkpoint"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/model"
	"github.com/shannon-labs/scu/trainer/plan"
	"github.com/shannon-labs/scu/trainer/scu"
)

// training is the loop over optimizer steps.
type training struct {
	*run
	config        *protocol.SCUConfig // the plan's
	controller    *scu.Controller     // nil where λ is constant
	prior         scu.Prior
	schedule      schedule
	stepsPerEpoch int

	steps   int // done
	epoch   int // the pass over the rows, from 0
	taken   int // micro-batches of this pass, run
	dealt   []data.MicroBatch
	began   time.Time
	earlier time.Duration // of training, before this process

	counters  checkpoint.Counters
	best      *bestAdapter // nil before the first evaluation
	last      checkpoint.Last
	untold    *protocol.TrainingMetrics // of the last step, where it is in a checkpoint and not yet told
	endedBy   string                    // empty while training
	nonFinite []nonFiniteStep
}

func newTraining(job *run) (*training, error) {
	c := &job.plan.Config
	t := &training{
		run: job, config: c, prior: scu.Prior{Sigma: c.PriorSigma, TargetTokens: job.plan.TargetTokens},
		schedule: newSchedule(c, job.plan.TotalSteps), stepsPerEpoch: job.trainFeed.StepsPerEpoch(job.job.Config.GradAccum),
	}
	if c.Mode == protocol.ModePI {
		controller, err := scu.NewController(plan.ControllerParameters(c))
		if err != nil {
			return nil, err
		}
		t.controller = controller
	}
	if job.saved != nil {
		if err := t.restore(job.saved); err != nil {
			return nil, fmt.Errorf("go on from the checkpoint: %w", err)
		}
		t.earlier = time.Duration(t.counters.Seconds * float64(time.Second))
		t.untold = t.metricsOf(job.saved.State.Untold)
		job.saved = nil // its vectors are on the device now
		t.readNonFinite()
	}
	return t, nil
}

// lambda is λ for the next step.
func (t *training) lambda() float64 {
	switch t.config.Mode {
	case protocol.ModePI:
		return t.controller.State().Lambda
	case protocol.ModeFixed:
		return t.config.LambdaInit
	default:
		return 0
	}
}

// elapsed is how long the job has trained, evaluations included, in this process and in those before.
func (t *training) elapsed() time.Duration { return t.earlier + time.Since(t.began) }

// takeSteps takes steps until something ends the training. A step is cut short by the end of ctx; between steps it is
// asked that ends for a pause too.
func (t *training) takeSteps(ctx, asked context.Context) error {
	t.began = time.Now()
	t.enter(protocol.PhaseTraining)
	if err := t.takeUp(ctx); err != nil {
		return err
	}
	for t.endedBy == "" {
		metrics, err := t.step(ctx)
		if err != nil && isOutOfMemory(err) {
			if err := t.makeRoom(ctx, err); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if t.endedBy = t.ended(); t.endedBy != "" {
			if err := t.writeLast(ctx, metrics); err != nil {
				return err
			}
		}
		if err := t.finishStep(ctx, metrics); err != nil {
			return err
		}
		switch t.endedBy {
		case "":
			err = t.betweenSteps(ctx, asked)
		case protocol.EndedByEarlyStop: // known only now
			err = t.writeLast(ctx, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// betweenSteps writes a checkpoint where one is due or a pause is asked for, and stops where it is.
func (t *training) betweenSteps(ctx, asked context.Context) error {
	switch {
	case pausing(asked) && t.checkpoints != nil:
		return t.pause(ctx)
	case asked.Err() != nil: // for good, or for a pause where no checkpoints are kept
		return asked.Err()
	case t.checkpoints.due(t.steps):
		if err := t.writeCheckpoint(ctx); err != nil {
			return err
		}
		t.enter(protocol.PhaseTraining)
	}
	return nil
}

// finishStep evaluates where it is time to or training has ended, decides whether it ends by that, and tells the step.
func (t *training) finishStep(ctx context.Context, metrics *protocol.TrainingMetrics) error {
	var evaluation *protocol.Evaluation
	if every := t.config.EvalEvery; t.endedBy != "" || every > 0 && t.steps%every == 0 {
		var err error
		if evaluation, err = t.evaluateStep(ctx); err != nil {
			return err
		}
		if t.endedBy == "" && t.outOfPatience() {
			t.endedBy = protocol.EndedByEarlyStop
		}
		if t.endedBy == "" {
			t.enter(protocol.PhaseTraining)
		}
	}
	t.last = checkpoint.Last{SRatio: checkpoint.Number(metrics.SRatio), SSmoothed: checkpoint.Number(metrics.SSmoothed), Lambda: checkpoint.Number(metrics.LambdaValue)}
	if evaluation != nil {
		metrics.ValDataBPT = &evaluation.DataBPT
		t.last.ValDataBPT = toNumber(&evaluation.DataBPT)
	}
	t.observer.Step(metrics)
	if evaluation != nil {
		t.observer.Evaluated(*evaluation)
	}
	t.tellMemory()
	return nil
}

// ended says what ends the training after the last step, if anything does.
func (t *training) ended() string {
	switch limit := t.timeLimit(); {
	case t.steps >= t.plan.TotalSteps:
		return protocol.EndedBySteps
	case limit > 0 && t.elapsed() >= limit:
		return protocol.EndedByTimeLimit
	}
	return ""
}

func (t *training) timeLimit() time.Duration {
	return time.Duration(t.config.TimeLimitMinutes * float64(time.Minute))
}

// step runs the micro-batches of one optimizer step, moves the adapter, and then lets the controller look at S. When the
// device runs out of memory the adapter is as it was, and the step can be taken again.
func (t *training) step(ctx context.Context) (*protocol.TrainingMetrics, error) {
	began := time.Now()
	microBatches := t.nextMicroBatches()
	sums, err := t.accumulate(ctx, microBatches)
	if err != nil {
		return nil, err
	}
	lambda, rate := t.lambda(), t.schedule.rate(t.steps)
	moved, err := t.optimizer.Step(sums.gradient, sums.targets, lambda*t.prior.GradientScale(), rate)
	if err != nil {
		return nil, err
	}
	t.steps++
	t.taken += len(microBatches)
	seconds := time.Since(began).Seconds()
	t.counters.Tokens += sums.tokens
	t.counters.StepSeconds += seconds

	crossEntropy := sums.nll / float64(sums.targets)
	m := t.measure(crossEntropy, moved, lambda)
	m.LearningRate = protocol.Float(rate)
	m.Tokens, m.TargetTokens = sums.tokens, sums.targets
	m.TokensPerSecond = protocol.Float(float64(sums.tokens) / seconds)
	m.EtaMinutes = protocol.Float(t.minutesLeft())
	return m, t.control(m, moved.Skipped, microBatches)
}

// epochs is how many passes over the rows the steps so far make.
func (t *training) epochs() float64 { return float64(t.steps) / float64(t.stepsPerEpoch) }

// minutesLeft is how long the remaining steps take at the pace so far, or what the time limit leaves if that is less.
func (t *training) minutesLeft() float64 {
	left := t.counters.StepSeconds / float64(t.steps) * float64(t.plan.TotalSteps-t.steps) / 60
	if limit := t.timeLimit(); limit > 0 {
		left = min(left, max(0, (limit-t.elapsed()).Minutes()))
	}
	return left
}

// measure does the accounting of a step: the loss and the adapter's weights as both were before the move.
func (t *training) measure(crossEntropy float64, moved model.Stepped, lambda float64) *protocol.TrainingMetrics {
	dataBPT, paramBPT := scu.DataBPT(crossEntropy), t.prior.BitsPerToken(moved.Squares)
	return &protocol.TrainingMetrics{
		Step: t.steps, Epoch: t.epochs(),
		DataBPT: protocol.Float(dataBPT), ParamBPT: protocol.Float(paramBPT), TotalBPT: protocol.Float(dataBPT + paramBPT),
		SRatio: protocol.Float(scu.Ratio(dataBPT, paramBPT)), LambdaValue: protocol.Float(lambda),
		Loss:     protocol.Float(crossEntropy + lambda*t.prior.NatsPerToken(moved.Squares)),
		GradNorm: protocol.Float(moved.GradNorm), DeviceMemoryBytes: t.deviceMemory(), CreatedAt: time.Now().UTC(),
	}
}

// control shows S to the controller and completes the metrics with its state.
func (t *training) control(m *protocol.TrainingMetrics, skipped bool, microBatches []data.MicroBatch) error {
	s := float64(m.SRatio)
	if skipped {
		s = math.NaN()
	}
	if finite(s) {
		t.counters.InARow = 0
	} else if err := t.countNonFinite(m, microBatches); err != nil {
		return err
	}
	if t.controller == nil {
		m.SSmoothed = m.SRatio
		return nil
	}
	if err := t.controller.Step(s); err != nil {
		return nonFinite(m.Step, err)
	}
	state := t.controller.State()
	m.SSmoothed, m.Integral = protocol.NaN(), protocol.Float(state.Integral)
	if state.Started {
		m.SSmoothed = protocol.Float(state.Smoothed)
	}
	t.watch(state)
	return nil
}
