package engine

import (
	"context"
	"fmt"
	"math"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/data"
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
	cost, targets, err := r.score(ctx, r.valFeed, math.MaxInt, adapter)
	if err != nil {
		return nil, err
	}
	bits := protocol.Float(cost)
	r.observer.Evaluated(protocol.Evaluation{Step: step, DataBPT: bits, TargetTokens: targets})
	return &bits, nil
}

// fewTargets is how many target tokens make the cost of a token a fair estimate.
const fewTargets = 512

// startCost is what a target token costs, in bits, as training begins: that of the held-out rows if there are enough of
// them (baseCost, when the run starts from the base), and else that of the first training rows.
func (r *run) startCost(ctx context.Context, baseCost *protocol.Float) (float64, error) {
	feed := r.valFeed
	if r.valTargets < fewTargets {
		feed = r.trainFeed
	}
	cost := 0.0
	if feed == r.valFeed && r.job.InitAdapter == "" {
		cost = float64(*baseCost)
	} else {
		if r.valFeed == nil { // else the base's evaluation has said so
			r.observer.Phase(protocol.PhaseEvaluating)
		}
		var err error
		if cost, _, err = r.score(ctx, feed, fewTargets, r.optimizer.Adapter()); err != nil {
			return 0, err
		}
	}
	if math.IsNaN(cost) || math.IsInf(cost, 0) {
		return 0, protocol.NewError(protocol.CodeNonFinite, "the model's loss is not finite before any training").
			WithHint("check the model's weights, or set precision=f32")
	}
	return cost, nil
}

// score runs micro-batches of a feed, in their order, until they hold enough targets, and returns what a target token
// costs in bits and how many there were.
func (r *run) score(ctx context.Context, feed *data.Feed, enough int, adapter *model.Vector) (bits float64, targets int, err error) {
	nll := 0.0
	for _, micro := range feed.All() {
		if targets >= enough {
			break
		}
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		batch, err := feed.Assemble(micro)
		if err != nil {
			return 0, 0, err
		}
		losses, err := r.programs.Loss(&batch, micro.Shape.Capacity, adapter)
		if err != nil {
			return 0, 0, fmt.Errorf("evaluate: %w", err)
		}
		nll += sum(losses)
		targets += len(losses)
	}
	return scu.DataBPT(nll / float64(targets)), targets, nil
}
