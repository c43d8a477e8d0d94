package engine

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/model"
	"github.com/shannon-labs/scu/trainer/scu"
)

// evaluateBase scores the held-out rows with the base model alone and tells the observer; nil without such rows.
func (r *run) evaluateBase(ctx context.Context) (*protocol.Float, error) {
	values, err := neutralAdapter(r.programs, r.layout)
	if err != nil {
		return nil, err
	}
	neutral := model.NewVector(values)
	defer neutral.Close()
	evaluation, err := r.evaluateWith(ctx, 0, neutral)
	if err != nil || evaluation == nil {
		return nil, err
	}
	r.observer.Evaluated(*evaluation)
	return &evaluation.DataBPT, nil
}

// evaluateWith scores the held-out rows with an adapter; nil without such rows.
func (r *run) evaluateWith(ctx context.Context, step int, adapter *model.Vector) (*protocol.Evaluation, error) {
	if r.valFeed == nil {
		return nil, nil
	}
	r.enter(protocol.PhaseEvaluating)
	cost, targets, err := r.score(ctx, r.valFeed, math.MaxInt, adapter)
	if err != nil {
		return nil, err
	}
	return &protocol.Evaluation{Step: step, DataBPT: protocol.Float(cost), TargetTokens: targets}, nil
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
			r.enter(protocol.PhaseEvaluating)
		}
		var err error
		if cost, _, err = r.score(ctx, feed, fewTargets, r.optimizer.Adapter()); err != nil {
			return 0, err
		}
	}
	if math.IsNaN(cost) || math.IsInf(cost, 0) {
		where, err := r.firstNonFinite(ctx, feed)
		if err != nil {
			return 0, err
		}
		return 0, protocol.NewError(protocol.CodeNonFinite, "the model's loss is not finite before any training, first in a batch of %s", where).
			WithHint("look at these rows and at the model's weights, or set precision=f32")
	}
	return cost, nil
}

// firstNonFinite names the rows of the first micro-batch whose loss is not finite.
func (r *run) firstNonFinite(ctx context.Context, feed *data.Feed) (string, error) {
	for _, micro := range feed.All() {
		nll, _, err := r.scoreMicroBatch(ctx, feed, micro, r.optimizer.Adapter())
		if err != nil {
			return "", err
		}
		if math.IsNaN(nll) || math.IsInf(nll, 0) {
			return nameRows(feed.RowNumbers(micro), namedRows), nil
		}
	}
	return "", errors.New("a loss that was not finite has become so")
}

// score runs micro-batches of a feed, in their order, until they hold enough targets, and returns what a target token
// costs in bits and how many there were.
func (r *run) score(ctx context.Context, feed *data.Feed, enough int, adapter *model.Vector) (bits float64, targets int, err error) {
	nll := 0.0
	microBatches := feed.All()
	evaluating := r.progress(protocol.PhaseEvaluating)
	for i := 0; i < len(microBatches) && targets < enough; {
		cost, count, err := r.scoreMicroBatch(ctx, feed, microBatches[i], adapter)
		if err != nil && isOutOfMemory(err) {
			if err := r.fitOnDevice(ctx, err); err != nil {
				return 0, 0, err
			}
			continue // with this micro-batch again
		}
		if err != nil {
			return 0, 0, err
		}
		nll, targets = nll+cost, targets+count
		i++
		evaluating.tell(100 * float64(i) / float64(len(microBatches)))
	}
	return scu.DataBPT(nll / float64(targets)), targets, nil
}

// scoreMicroBatch returns the summed cost of a micro-batch's targets, in nats, and their number.
func (r *run) scoreMicroBatch(ctx context.Context, feed *data.Feed, micro data.MicroBatch, adapter *model.Vector) (nll float64, targets int, err error) {
	for _, part := range micro.Split(r.fit.parts) {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		batch, err := feed.Assemble(part)
		if err != nil {
			return 0, 0, err
		}
		losses, err := r.programs.Loss(&batch, part.Shape.Capacity, adapter)
		if err != nil {
			return 0, 0, fmt.Errorf("evaluate: %w", err)
		}
		nll += sum(losses)
		targets += len(losses)
	}
	return nll, targets, nil
}
