package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/lora"
	"github.com/shannon-labs/scu/trainer/model"
	"github.com/shannon-labs/scu/trainer/plan"
	"github.com/shannon-labs/scu/trainer/weights"
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
}

// Result is a finished job.
type Result struct {
	Summary protocol.RunSummary
	Saved   Saved
}

// run is one job under way.
type run struct {
	job      Job
	observer Observer
	source   *weights.Model
	layout   *lora.Layout
	plan     *protocol.Plan

	trainFeed, valFeed *data.Feed  // valFeed is nil without held-out rows
	report             data.Report // of the training rows
	valTargets         int

	base      *model.Base
	programs  *model.Programs
	optimizer *model.Optimizer

	startSquares float64 // Σw² of the adapter as training begins
}

// Train runs a job to its end. When ctx ends it stops at the next micro-batch with ctx's error and leaves nothing on
// disk. Errors that a person can mend are *protocol.Error.
func Train(ctx context.Context, job Job, observer Observer) (*Result, error) {
	r := &run{job: job, observer: observer}
	defer r.close()
	result, err := r.train(ctx)
	if err != nil {
		return nil, explain(err)
	}
	return result, nil
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
	r.observer.Phase(protocol.PhaseTokenizing)
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	r.observer.Phase(protocol.PhaseLoading)
	if err := r.load(plugin); err != nil {
		return nil, err
	}
	if err := r.compile(ctx); err != nil {
		return nil, err
	}
	before, err := r.evaluateBase(ctx)
	if err != nil {
		return nil, err
	}
	start, err := r.startCost(ctx, before)
	if err != nil {
		return nil, err
	}
	// The measured cost of a token replaces the assumed one, so that S begins where it was predicted.
	plan.SettlePrior(r.plan, r.job.Config, r.layout, r.startSquares, start)
	r.observer.Plan(r.plan)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r.observer.Phase(protocol.PhaseTraining)
	began := time.Now()
	t, err := newTraining(r)
	if err != nil {
		return nil, err
	}
	if err := t.run(ctx); err != nil {
		return nil, err
	}
	after, err := r.evaluate(ctx, t.steps)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return r.save(t, before, after, time.Since(began))
}

// prepare reads and tokenises the rows, settles the plan and lays the batches out.
func (r *run) prepare(ctx context.Context) error {
	source, failure := plan.OpenModel(r.job.Model)
	if failure != nil {
		return failure
	}
	r.source = source
	config := r.job.Config
	var err error
	if r.layout, err = lora.NewLayout(source.Config, plan.AdapterConfig(&config)); err != nil {
		return err
	}
	set, err := plan.LoadSet(ctx, source, plan.SetOptions{Train: r.job.TrainData, Val: r.job.ValData, Config: &config})
	if err != nil {
		return err
	}
	r.report, r.valTargets = set.TrainReport, set.ValReport.TargetTokens
	r.trainFeed = plan.TrainFeed(set, &config)
	if len(set.Val) > 0 {
		r.valFeed = data.NewFeed(set.Val, config.MicroBatch, config.BlockSize, true)
	}
	r.plan = plan.Settle(config, r.job.Reasons, source.Config, r.layout, set, r.trainFeed.StepsPerEpoch(config.GradAccum))
	for _, warning := range r.plan.Warnings {
		r.observer.Log(warning, true)
	}
	r.observer.Plan(r.plan)
	return nil
}

// load puts the base model and the adapter on the device.
func (r *run) load(plugin string) error {
	backend, err := openDevice(plugin)
	if err != nil {
		return err
	}
	c := &r.plan.Config
	if r.base, err = model.LoadBase(backend, r.source, c.Precision, nil); err != nil {
		return err
	}
	if r.programs, err = model.NewPrograms(r.base, r.layout); err != nil {
		return err
	}
	values, err := r.initialAdapter()
	if err != nil {
		return err
	}
	for _, w := range values {
		r.startSquares += float64(w) * float64(w)
	}
	var center []float32
	if c.PriorCenter == protocol.CenterInit {
		center = values
	}
	settings := model.AdamW{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: c.WeightDecay, MaxGradNorm: c.MaxGradNorm}
	r.optimizer, err = model.NewOptimizer(backend, settings, values, center)
	return err
}

func (r *run) initialAdapter() ([]float32, error) {
	if r.job.InitAdapter == "" {
		return r.layout.Initial(r.plan.Config.Seed), nil
	}
	adapter, failure := plan.LoadInitAdapter(r.job.InitAdapter, r.source.Config, &r.plan.Config)
	if failure != nil {
		return nil, failure
	}
	return adapter.Values, nil
}

// compile builds the programs of every shape before the clock of the first step runs.
func (r *run) compile(ctx context.Context) error {
	r.observer.Phase(protocol.PhaseCompiling)
	for _, s := range r.trainFeed.Shapes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.programs.CompileGradient(s.Rows, s.Length, s.Capacity); err != nil {
			return fmt.Errorf("compile the training step: %w", err)
		}
	}
	return nil
}

// save writes the adapter and sums the run up.
func (r *run) save(t *training, before, after *protocol.Float, took time.Duration) (*Result, error) {
	r.observer.Phase(protocol.PhaseSaving)
	summary := protocol.RunSummary{
		Steps: t.steps, TargetTokens: r.plan.TargetTokens, BaseValDataBPT: before, ValDataBPT: after,
		FinalS: t.last.SRatio, FinalSSmoothed: t.last.SSmoothed, TargetS: t.config.TargetS, FinalLambda: t.last.LambdaValue,
		PriorSigma: t.config.PriorSigma, TokensPerSecond: protocol.Float(float64(t.tokens) / t.seconds), TrainSeconds: took.Seconds(),
		PeakMemoryBytes: peakBytes(), NonFiniteSteps: t.nonFinite,
		ValTargetTokens: r.valTargets, RowsTruncated: r.report.Truncated, RowsWithoutLoss: r.report.WithoutTargets,
	}
	adapter := &lora.Adapter{Layout: r.layout, Values: r.optimizer.Adapter().Values()}
	saved, err := saveAdapter(r.job.Output, r.job.ModelName, adapter, r.source.Config, t.config, &summary)
	if err != nil {
		return nil, err
	}
	return &Result{Summary: summary, Saved: *saved}, nil
}
