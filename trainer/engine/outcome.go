package engine

import (
	"context"
	"fmt"
	"math"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/lora"
	"github.com/shannon-labs/scu/trainer/scu"
)

// watch follows whether the controller reaches its target and whether λ is stuck.
func (t *training) watch(state scu.State) {
	near := max(t.config.Deadband, t.config.TargetS/10)
	t.counters.NearTarget = t.counters.NearTarget || state.Started && math.Abs(state.Smoothed-t.config.TargetS) <= near
	if state.Lambda > t.config.LambdaMin && state.Lambda < t.config.LambdaMax {
		t.counters.AtLambdaBound = 0
		return
	}
	t.counters.AtLambdaBound++
}

// warnOfControl says at the end where the controller did not do what it is for.
func (t *training) warnOfControl() {
	if t.controller == nil {
		return
	}
	if !t.counters.NearTarget {
		t.observer.Log(fmt.Sprintf("S never came to its target %.4g: it ended at %.4g, smoothed; more steps, another target_s or prior_sigma=auto may help",
			t.config.TargetS, float64(t.last.SSmoothed)), true)
	}
	if 4*t.counters.AtLambdaBound >= t.steps {
		t.observer.Log(fmt.Sprintf("λ stood at its bound %.4g for the last %d of %d steps, so the controller could not hold S; another target_s, or wider lambda_min and lambda_max, may help",
			t.controller.State().Lambda, t.counters.AtLambdaBound, t.steps), true)
	}
}

// chosen is the adapter to save, the step it is of, and what it costs on the held-out rows.
func (t *training) chosen() (values []float32, step int, cost *protocol.Float, err error) {
	if t.config.AdapterFrom == protocol.AdapterBest && t.best != nil {
		bits := protocol.Float(t.best.DataBPT)
		return t.best.values, t.best.Step, &bits, nil
	}
	values, err = t.optimizer.Adapter().Values()
	return values, t.steps, toFloat(t.last.ValDataBPT), err
}

// save writes the adapter and sums the run up.
func (t *training) save(ctx context.Context) (*Result, error) {
	took := t.elapsed()
	t.warnOfControl()
	values, step, after, err := t.chosen()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t.enter(protocol.PhaseSaving)
	summary := protocol.RunSummary{
		Steps: t.steps, TargetTokens: t.plan.TargetTokens, BaseValDataBPT: t.measured.base, ValDataBPT: after,
		FinalS: protocol.Float(t.last.SRatio), FinalSSmoothed: protocol.Float(t.last.SSmoothed), TargetS: t.config.TargetS,
		FinalLambda: protocol.Float(t.last.Lambda), PriorSigma: t.config.PriorSigma,
		TokensPerSecond: protocol.Float(float64(t.counters.Tokens) / t.counters.StepSeconds), TrainSeconds: took.Seconds(),
		PeakMemoryBytes: PeakResidentBytes(), NonFiniteSteps: t.counters.NonFinite,
		ValTargetTokens: t.valTargets, RowsTruncated: t.report.Truncated, RowsWithoutLoss: t.report.WithoutTargets,
		EndedBy: t.endedBy, AdapterStep: step,
	}
	adapter := &lora.Adapter{Layout: t.layout, Values: values}
	saved, err := t.saveAdapter(ctx, adapter, &summary)
	if err != nil {
		return nil, err
	}
	t.tellMemory()
	return &Result{Summary: summary, Saved: *saved}, nil
}
