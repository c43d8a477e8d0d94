package engine

import (
	"context"
	"fmt"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/model"
	"github.com/shannon-labs/scu/trainer/scu"
)

// evaluate scores the held-out rows with the adapter as it stands and tells the observer; nil without such rows.
func (r *run) evaluate(ctx context.Context, step int) (*protocol.Float, error) {
	return r.evaluateWith(ctx, step, r.optimizer.Adapter())
}

// evaluateBase scores them with the base model alone: with an adapter of zeros, which adds nothing.
func (r *run) evaluateBase(ctx context.Context) (*protocol.Float, error) {
	zero := model.NewVector(make([]float32, r.layout.Size))
	defer zero.Close()
	return r.evaluateWith(ctx, 0, zero)
}

func (r *run) evaluateWith(ctx context.Context, step int, adapter *model.Vector) (*protocol.Float, error) {
	if r.valFeed == nil {
		return nil, nil
	}
	r.observer.Phase(protocol.PhaseEvaluating)
	nll, targets := 0.0, 0
	for _, micro := range r.valFeed.All() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		batch, err := r.valFeed.Assemble(micro)
		if err != nil {
			return nil, err
		}
		losses, err := r.programs.Loss(&batch, micro.Shape.Capacity, adapter)
		if err != nil {
			return nil, fmt.Errorf("evaluate the held-out rows: %w", err)
		}
		nll += sum(losses)
		targets += len(losses)
	}
	bits := protocol.Float(scu.DataBPT(nll / float64(targets)))
	r.observer.Evaluated(protocol.Evaluation{Step: step, DataBPT: bits, TargetTokens: targets})
	return &bits, nil
}
