package engine

import (
	"context"
	"fmt"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/lora"
	"github.com/shannon-labs/scu/trainer/model"
	"github.com/shannon-labs/scu/trainer/plan"
)

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
	tokenizing := r.progress(protocol.PhaseTokenizing)
	set, err := plan.LoadSet(ctx, source, plan.SetOptions{
		Train: r.job.TrainData, Val: r.job.ValData, Config: &config, CacheDir: r.job.CacheDir, Now: r.job.Created,
		Fetched:  func(done, total int64) { tokenizing.tell(100 * float64(done) / float64(total)) },
		Progress: func(done, total int) { tokenizing.tell(100 * float64(done) / float64(total)) },
		Warn:     func(message string) { r.observer.Log(message, true) },
	})
	if err != nil {
		return err
	}
	r.report, r.valTargets = set.TrainReport, set.ValReport.TargetTokens
	r.trainFeed = plan.TrainFeed(set, &config)
	if len(set.Val) > 0 {
		r.valFeed = data.NewFeed(set.Val, config.MicroBatch, config.BlockSize, true)
	}
	if err := r.checkHeldOut(&config); err != nil {
		return err
	}
	r.plan = plan.Settle(config, r.job.Reasons, source.Config, r.layout, set, r.trainFeed.StepsPerEpoch(config.GradAccum))
	for _, warning := range r.plan.Warnings {
		r.observer.Log(warning, true)
	}
	if r.identity, err = r.identify(set); err != nil {
		return err
	}
	return r.beginFit(&config)
}

// checkHeldOut refuses settings that need held-out rows where there turned out to be none.
func (r *run) checkHeldOut(c *protocol.SCUConfig) error {
	if r.valFeed != nil {
		return nil
	}
	for key, used := range map[string]bool{"early_stop_patience": c.EarlyStopPatience > 0, "adapter_from": c.AdapterFrom == protocol.AdapterBest} {
		if used {
			return protocol.NewError(protocol.CodeInvalidConfig, "%s needs held-out rows, but there are none", key).
				WithHint("give val_data or a greater val_fraction, or leave %s out", key)
		}
	}
	return nil
}

// load puts the base model and the adapter on the device.
func (r *run) load(plugin string) error {
	backend, err := openDevice(plugin)
	if err != nil {
		return err
	}
	c := &r.plan.Config
	loading := r.progress(protocol.PhaseLoading)
	if r.base, err = model.LoadBase(backend, r.source, c.Precision, func(share float64) { loading.tell(100 * share) }); err != nil {
		return err
	}
	if err := r.makePrograms(); err != nil {
		return err
	}
	settings := model.AdamW{
		Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: c.WeightDecay, MaxGradNorm: c.MaxGradNorm, Matrices: r.layout.Matrices,
	}
	values, center, err := r.startingPoint()
	if err != nil {
		return err
	}
	if r.optimizer, err = model.NewOptimizer(backend, settings, values, center); err != nil {
		return err
	}
	return r.restoreOptimizer()
}

// makePrograms prepares the graphs for the fit of now, in place of those of another one.
func (r *run) makePrograms() (err error) {
	if r.programs != nil {
		r.programs.Close()
		r.programs = nil
	}
	r.programs, err = model.NewPrograms(r.base, r.layout, model.Options{GradientCheckpointing: r.fit.gradCheckpointing})
	return err
}

// startingPoint is the adapter that the run begins with, and the prior's centre, nil for zero.
func (r *run) startingPoint() (values, center []float32, err error) {
	if r.saved != nil {
		return r.saved.Vectors.Adapter, r.saved.Vectors.Center, nil
	}
	if values, err = r.initialAdapter(); err != nil {
		return nil, nil, err
	}
	r.measured.startSquares = sumOfSquares(r.layout, values)
	if r.plan.Config.PriorCenter == protocol.CenterInit {
		center = values
	}
	return values, center, nil
}

func (r *run) initialAdapter() ([]float32, error) {
	if r.job.InitAdapter == "" {
		values := r.layout.Initial(r.plan.Config.InitSeed)
		return values, addMagnitudes(r.programs, r.layout, values)
	}
	adapter, failure := plan.LoadInitAdapter(r.job.InitAdapter, r.source.Config, &r.plan.Config)
	if failure != nil {
		return nil, failure
	}
	return adapter.Values, nil
}

// neutralAdapter is one that adds nothing to its base.
func neutralAdapter(programs *model.Programs, layout *lora.Layout) ([]float32, error) {
	values := make([]float32, layout.Size)
	return values, addMagnitudes(programs, layout, values)
}

// addMagnitudes gives an adapter whose B is zero the magnitudes of its base, where it is to have any.
func addMagnitudes(programs *model.Programs, layout *lora.Layout, values []float32) error {
	if !layout.Config.DoRA {
		return nil
	}
	vector := model.NewVector(values)
	defer vector.Close()
	norms, err := programs.Magnitudes(vector)
	if err != nil {
		return fmt.Errorf("compute the base's magnitudes: %w", err)
	}
	copy(values[layout.Matrices:], norms)
	return nil
}

// compile builds the programs of training before the clock of the first step runs.
func (r *run) compile(ctx context.Context) error {
	r.enter(protocol.PhaseCompiling)
	compiling := r.progress(protocol.PhaseCompiling)
	shapes := r.trainFeed.SplitShapes(r.fit.parts)
	if r.saved != nil && r.saved.State.Step == r.saved.State.TotalSteps {
		shapes = nil // no step is left to take
	}
	for i, s := range shapes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.programs.CompileGradient(s.Rows, s.Length, s.Capacity); err != nil {
			return fmt.Errorf("compile the training step: %w", err)
		}
		compiling.tell(100 * float64(i+1) / float64(len(shapes)+1))
	}
	return r.optimizer.Compile()
}
