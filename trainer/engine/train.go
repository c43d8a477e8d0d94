package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/model"
	"github.com/shannon-labs/scu/trainer/plan"
	"github.com/shannon-labs/scu/trainer/scu"
)

// training is the loop over optimizer steps.
type training struct {
	config     *protocol.SCUConfig
	plan       *protocol.Plan
	feed       *data.Feed
	programs   *model.Programs
	optimizer  *model.Optimizer
	controller *scu.Controller
	prior      scu.Prior
	schedule   schedule
	observer   Observer
	evaluate   func(ctx context.Context, step int) (*protocol.Float, error)

	epoch     int
	pending   []data.MicroBatch // of the epoch, not yet run
	steps     int               // done
	tokens    int               // run, filling not counted
	seconds   float64           // in steps
	nonFinite int               // steps whose S or gradient was not finite
	inARow    int               // of these, the last ones without a finite one between
	last      *protocol.TrainingMetrics
}

func newTraining(job *run) (*training, error) {
	c := &job.plan.Config
	t := &training{
		config: c, plan: job.plan, feed: job.trainFeed, programs: job.programs, optimizer: job.optimizer,
		prior: scu.Prior{Sigma: c.PriorSigma, TargetTokens: job.plan.TargetTokens}, schedule: newSchedule(c, job.plan.TotalSteps),
		observer: job.observer, evaluate: job.evaluate,
	}
	if c.Mode == protocol.ModePI {
		controller, err := scu.NewController(plan.ControllerParameters(c))
		if err != nil {
			return nil, err
		}
		t.controller = controller
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

// run takes every step of the plan.
func (t *training) run(ctx context.Context) error {
	for t.steps < t.plan.TotalSteps {
		metrics, err := t.step(ctx)
		if err != nil {
			return err
		}
		if every := t.config.EvalEvery; every > 0 && t.steps%every == 0 && t.steps < t.plan.TotalSteps {
			if metrics.ValDataBPT, err = t.evaluate(ctx, t.steps); err != nil {
				return err
			}
			t.observer.Phase(protocol.PhaseTraining)
		}
		t.last = metrics
		t.observer.Step(metrics)
	}
	return nil
}

// stepSums are what the micro-batches of one step add up to.
type stepSums struct {
	nll             float64 // nats
	targets, tokens int
	gradient        *model.Vector
}

// step runs the micro-batches of one optimizer step, moves the adapter, and then lets the controller look at S.
func (t *training) step(ctx context.Context) (*protocol.TrainingMetrics, error) {
	began := time.Now()
	sums, err := t.accumulate(ctx)
	if err != nil {
		return nil, err
	}
	lambda, rate := t.lambda(), t.schedule.rate(t.steps)
	moved, err := t.optimizer.Step(sums.gradient, sums.targets, lambda*t.prior.GradientScale(), rate)
	if err != nil {
		return nil, err
	}
	t.steps++
	t.tokens += sums.tokens
	seconds := time.Since(began).Seconds()
	t.seconds += seconds

	crossEntropy := sums.nll / float64(sums.targets)
	m := t.measure(crossEntropy, moved, lambda)
	m.LearningRate = protocol.Float(rate)
	m.Tokens, m.TargetTokens = sums.tokens, sums.targets
	m.TokensPerSecond = protocol.Float(float64(sums.tokens) / seconds)
	m.EtaMinutes = protocol.Float(t.seconds / float64(t.steps) * float64(t.plan.TotalSteps-t.steps) / 60)
	return m, t.control(m, moved.Skipped)
}

// accumulate sums loss and gradient over the step's micro-batches.
func (t *training) accumulate(ctx context.Context) (sums stepSums, err error) {
	defer func() {
		if err != nil {
			sums.gradient.Close()
		}
	}()
	for i, micro := range t.nextMicroBatches() {
		if err := ctx.Err(); err != nil {
			return sums, err
		}
		batch, err := t.feed.Assemble(micro)
		if err != nil {
			return sums, err
		}
		seed := dropoutSeed(t.config.Seed, t.steps, i)
		nll, gradient, err := t.programs.Gradient(&batch, micro.Shape.Capacity, t.optimizer.Adapter(), seed)
		if err != nil {
			return sums, err
		}
		if sums.gradient, err = t.optimizer.Accumulate(sums.gradient, gradient); err != nil {
			return sums, err
		}
		sums.nll += sum(nll)
		sums.targets += len(nll)
		sums.tokens += countTokens(&batch)
	}
	return sums, nil
}

// nextMicroBatches takes the next few of the epoch; an epoch's last step may have fewer than the others.
func (t *training) nextMicroBatches() []data.MicroBatch {
	if len(t.pending) == 0 {
		t.pending = t.feed.Deal(data.EpochOrder(t.feed.Blocks(), t.config.Seed, t.epoch))
		t.epoch++
	}
	n := min(t.config.GradAccum, len(t.pending))
	var taken []data.MicroBatch
	taken, t.pending = t.pending[:n], t.pending[n:]
	return taken
}

// measure does the accounting of a step: the loss and the adapter's weights as both were before the move.
func (t *training) measure(crossEntropy float64, moved model.Stepped, lambda float64) *protocol.TrainingMetrics {
	dataBPT, paramBPT := scu.DataBPT(crossEntropy), t.prior.BitsPerToken(moved.Squares)
	return &protocol.TrainingMetrics{
		Step: t.steps, Epoch: float64(t.steps) / float64(t.feed.StepsPerEpoch(t.config.GradAccum)),
		DataBPT: protocol.Float(dataBPT), ParamBPT: protocol.Float(paramBPT), TotalBPT: protocol.Float(dataBPT + paramBPT),
		SRatio: protocol.Float(scu.Ratio(dataBPT, paramBPT)), LambdaValue: protocol.Float(lambda),
		Loss:     protocol.Float(crossEntropy + lambda*t.prior.NatsPerToken(moved.Squares)),
		GradNorm: protocol.Float(moved.GradNorm), DeviceMemoryBytes: ResidentBytes(), CreatedAt: time.Now().UTC(),
	}
}

// control shows S to the controller and completes the metrics with its state.
func (t *training) control(m *protocol.TrainingMetrics, skipped bool) error {
	s := float64(m.SRatio)
	if skipped {
		s = math.NaN()
	}
	if err := t.countNonFinite(m.Step, s); err != nil {
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
	return nil
}

// countNonFinite tells of a step whose S or gradient is not finite, and ends the run at a row of them, whatever the mode,
// or when no step of the whole run was finite.
func (t *training) countNonFinite(step int, s float64) error {
	if !math.IsNaN(s) && !math.IsInf(s, 0) {
		t.inARow = 0
		return nil
	}
	t.nonFinite++
	t.inARow++
	t.observer.Log(fmt.Sprintf("step %d: the loss or its gradient is not finite; the adapter and λ stay as they were", step), true)
	if t.inARow >= t.config.NonFiniteLimit {
		return nonFinite(step, fmt.Errorf("the loss or its gradient was not finite in %d steps in a row", t.inARow))
	}
	if t.nonFinite == t.plan.TotalSteps {
		return nonFinite(step, errors.New("no step had a finite loss and gradient, so nothing was trained"))
	}
	return nil
}

func nonFinite(step int, cause error) error {
	return protocol.NewError(protocol.CodeNonFinite, "training stopped at step %d: %v", step, cause).
		WithHint("lower learning_rate, or set precision=f32")
}

// dropoutSeed is another number for every micro-batch of every run, whichever batches came before.
func dropoutSeed(seed int64, step, micro int) uint32 {
	return uint32(scramble(scramble(scramble(uint64(seed))^uint64(step)) ^ uint64(micro)))
}

// scramble spreads every bit of x over the whole word (SplitMix64's finalizer; Steele and others, 2014).
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func sum(values []float32) float64 {
	total := 0.0
	for _, v := range values {
		total += float64(v)
	}
	return total
}

// countTokens counts the positions that hold a token; filling has segment 0.
func countTokens(batch *data.Batch) int {
	count := 0
	for _, segment := range batch.Segments {
		if segment != 0 {
			count++
		}
	}
	return count
}
