package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/gomlx/compute"

	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/engine"
	"github.com/shannon-labs/scu/trainer/lora"
	"github.com/shannon-labs/scu/trainer/model"
	"github.com/shannon-labs/scu/trainer/scu"
	"github.com/shannon-labs/scu/trainer/weights"
)

// adapterSeed makes the adapter, and targetRatio is the S that the controller holds.
const (
	adapterSeed = 1
	targetRatio = 0.01
)

// ours is our arm: one fine-tuning run, step by step as trainer/engine's training does it.
type ours struct {
	setup      *setup
	source     *weights.Model
	backend    compute.Backend
	base       *model.Base
	programs   *model.Programs
	optimizer  *model.Optimizer
	layout     *lora.Layout
	initial    []float32 // the adapter as it begins
	batches    [][]data.Sample
	prior      scu.Prior
	controller *scu.Controller
	steps      int
}

func (a *ours) close() {
	if a.optimizer != nil {
		a.optimizer.Close()
	}
	if a.programs != nil {
		a.programs.Close()
	}
	if a.base != nil {
		a.base.Close()
	}
	if a.source != nil {
		a.source.Close()
	}
}

// open loads the model and makes the adapter, which it writes for the other arm too.
func (a *ours) open(s *setup) (*opened, error) {
	a.setup = s
	home, err := rpc.Home()
	if err != nil {
		return nil, err
	}
	if a.source, err = weights.Open(s.Model); err != nil {
		return nil, err
	}
	plugin, err := model.FindPlugin("cpu", filepath.Join(home, "pjrt"))
	if err != nil {
		return nil, fmt.Errorf("%w; install it with: scu setup", err)
	}
	if a.backend, err = model.OpenDevice(plugin); err != nil {
		return nil, err
	}
	if a.base, err = model.LoadBase(a.backend, a.source, s.Precision, nil); err != nil {
		return nil, err
	}
	if err := a.makeAdapter(); err != nil {
		return nil, err
	}
	if a.programs, err = model.NewPrograms(a.base, a.layout, model.Options{}); err != nil {
		return nil, err
	}
	settings := model.AdamW{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, MaxGradNorm: s.MaxGradNorm, Matrices: a.layout.Matrices}
	if a.optimizer, err = model.NewOptimizer(a.backend, settings, a.initial, nil); err != nil {
		return nil, err
	}
	if a.controller, err = scu.NewController(scu.Defaults(targetRatio)); err != nil {
		return nil, err
	}
	a.layBatches()
	return &opened{Versions: append(versions(), a.backend.Description())}, nil
}

// makeAdapter draws an adapter whose B is not zero, so that every gradient can be compared.
func (a *ours) makeAdapter() error {
	config := lora.Config{Rank: a.setup.Rank, Alpha: a.setup.Alpha, Modules: a.source.Config.ModuleNames()}
	var err error
	if a.layout, err = lora.NewLayout(a.source.Config, config); err != nil {
		return err
	}
	a.initial = a.layout.Initial(adapterSeed)
	random := rand.New(rand.NewPCG(adapterSeed, 0))
	for _, slot := range a.layout.Slots {
		for i := range slot.Out * config.Rank {
			a.initial[slot.B+i] = float32(0.02 * random.NormFloat64())
		}
	}
	return a.save(a.initial, a.setup.Adapter)
}

func (a *ours) save(values []float32, directory string) error {
	if err := os.Mkdir(directory, 0o700); err != nil {
		return err
	}
	return (&lora.Adapter{Layout: a.layout, Values: values}).Save(directory, a.setup.PyTorchModel)
}

// layBatches makes each row of tokens a sample of its own, of which the later tokens are targets.
func (a *ours) layBatches() {
	for _, rows := range a.setup.Batches {
		var samples []data.Sample
		for _, tokens := range rows {
			target := make([]bool, len(tokens))
			for i := a.setup.FirstTarget; i < len(tokens); i++ {
				target[i] = true
			}
			samples = append(samples, data.Sample{Tokens: tokens, Target: target})
		}
		a.batches = append(a.batches, samples)
	}
}

// gradient is one pass over the next batch: what it adds up to, in nats, its targets, and its gradient.
func (a *ours) gradient() (nll float64, targets int, gradient *model.Vector, err error) {
	samples := a.batches[a.steps%len(a.batches)]
	feed := data.NewFeed(samples, len(samples), len(samples[0].Tokens), false)
	micro := feed.All()[0]
	batch, err := feed.Assemble(micro)
	if err != nil {
		return 0, 0, nil, err
	}
	losses, gradient, err := a.programs.Gradient(&batch, micro.Shape.Capacity, a.optimizer.Adapter(), uint32(a.steps), 0)
	if err != nil {
		return 0, 0, nil, err
	}
	for _, loss := range losses {
		nll += float64(loss)
	}
	return nll, len(losses), gradient, nil
}

// start computes loss and gradient as the adapter begins, and settles the prior by that loss as the engine does.
func (a *ours) start() (*started, error) {
	nll, targets, gradient, err := a.gradient()
	if err != nil {
		return nil, err
	}
	defer gradient.Close()
	values, err := gradient.Values()
	if err != nil {
		return nil, err
	}
	for i := range values {
		values[i] /= float32(targets)
	}
	squares := 0.0
	for _, w := range a.initial {
		squares += float64(w) * float64(w)
	}
	crossEntropy, total := nll/float64(targets), targets*len(a.batches)
	a.prior = scu.Prior{Sigma: scu.SigmaFor(targetRatio, scu.DataBPT(crossEntropy), squares, total), TargetTokens: total}
	return &started{Loss: crossEntropy}, a.save(values, a.setup.Gradient)
}

func (a *ours) run(steps int, uncontrolled bool) (*ran, error) {
	answer := &ran{}
	for range steps {
		began := time.Now()
		update, loss, err := a.step(uncontrolled)
		if err != nil {
			return nil, err
		}
		answer.Seconds = append(answer.Seconds, time.Since(began).Seconds())
		answer.UpdateSeconds = append(answer.UpdateSeconds, update.Seconds())
		answer.Loss = loss
	}
	return answer, nil
}

// step is one optimizer step; update is the part of it that follows the gradient.
func (a *ours) step(uncontrolled bool) (update time.Duration, loss float64, err error) {
	nll, targets, gradient, err := a.gradient()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if gradient, err = a.optimizer.Accumulate(nil, gradient); err != nil {
		return 0, 0, err
	}
	lambda := 0.0
	if !uncontrolled {
		lambda = a.controller.State().Lambda
	}
	moved, err := a.optimizer.Step(gradient, targets, lambda*a.prior.GradientScale(), a.setup.LearningRate)
	if err != nil {
		return 0, 0, err
	}
	a.steps++
	loss = nll / float64(targets)
	ratio := scu.Ratio(scu.DataBPT(loss), a.prior.BitsPerToken(moved.Squares))
	if math.IsNaN(ratio) || math.IsInf(ratio, 0) || moved.Skipped {
		return 0, 0, fmt.Errorf("step %d: the loss or its gradient is not finite", a.steps)
	}
	engine.ResidentBytes() // a metric of every step
	if !uncontrolled {
		err = a.controller.Step(ratio)
	}
	return time.Since(began), loss, err
}
