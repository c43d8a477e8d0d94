package engine

import (
	"context"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/checkpoint"
)

// bestAdapter is the adapter that cost least on the held-out rows so far.
type bestAdapter struct {
	checkpoint.Best
	values []float32
}

// evaluateStep scores the held-out rows after a step and keeps the adapter where it is the best so far.
func (t *training) evaluateStep(ctx context.Context) (*protocol.Evaluation, error) {
	evaluation, err := t.evaluateWith(ctx, t.steps, t.optimizer.Adapter())
	if err != nil || evaluation == nil {
		return nil, err
	}
	bits := float64(evaluation.DataBPT)
	t.counters.SinceBest++
	if finite(bits) && (t.best == nil || bits < t.best.DataBPT) {
		values, err := t.optimizer.Adapter().Values()
		if err != nil {
			return nil, err
		}
		t.best = &bestAdapter{checkpoint.Best{Step: t.steps, DataBPT: bits}, values}
		t.counters.SinceBest = 0
	}
	return evaluation, nil
}

// outOfPatience says whether so many evaluations have passed without a new best one that the run ends.
func (t *training) outOfPatience() bool {
	patience := t.config.EarlyStopPatience
	return patience > 0 && t.counters.SinceBest >= patience
}
