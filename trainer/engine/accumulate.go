package engine

import (
	"context"
	"fmt"

	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/model"
)

// stepSums are what the micro-batches of one step add up to.
type stepSums struct {
	nll             float64 // nats
	targets, tokens int
	gradient        *model.Vector
}

// nextMicroBatches are those of the next step; an epoch's last step may have fewer than the others. They count as run only
// when the step is done.
func (t *training) nextMicroBatches() []data.MicroBatch {
	if t.dealt != nil && t.taken >= len(t.dealt) {
		t.epoch, t.taken, t.dealt = t.epoch+1, 0, nil
	}
	if t.dealt == nil {
		t.dealt = t.trainFeed.Deal(data.EpochOrder(t.trainFeed.Blocks(), t.config.DataSeed, t.epoch))
		if t.taken >= len(t.dealt) { // of a checkpoint at the end of an epoch
			return t.nextMicroBatches()
		}
	}
	return t.dealt[t.taken:min(t.taken+t.job.Config.GradAccum, len(t.dealt))]
}

// accumulate sums loss and gradient over the step's micro-batches.
func (t *training) accumulate(ctx context.Context, microBatches []data.MicroBatch) (sums stepSums, err error) {
	defer func() {
		if err != nil {
			sums.gradient.Close()
			sums.gradient = nil
		}
	}()
	for i, micro := range microBatches {
		seed := dropoutSeed(t.config.DropoutSeed, t.steps, i)
		firstRow := 0
		for _, part := range micro.Split(t.fit.parts) {
			if err := ctx.Err(); err != nil {
				return sums, err
			}
			if err := t.add(&sums, part, seed, firstRow); err != nil {
				return sums, err
			}
			firstRow += part.Shape.Rows
		}
	}
	return sums, nil
}

// add runs one part of a micro-batch. firstRow is the row of the micro-batch that the part begins with: dropout is drawn
// for the rows of the whole, so that it does not depend on the parts.
func (t *training) add(sums *stepSums, part data.MicroBatch, seed uint32, firstRow int) error {
	batch, err := t.trainFeed.Assemble(part)
	if err != nil {
		return err
	}
	nll, gradient, err := t.programs.Gradient(&batch, part.Shape.Capacity, t.optimizer.Adapter(), seed, uint32(firstRow))
	if err != nil {
		return fmt.Errorf("compute the gradient: %w", err)
	}
	if sums.gradient, err = t.optimizer.Accumulate(sums.gradient, gradient); err != nil {
		return err
	}
	sums.nll += sum(nll)
	sums.targets += len(nll)
	sums.tokens += countTokens(&batch)
	return nil
}

// makeRoom answers an out-of-memory error of a step, which is then taken again. What the device holds is the state after
// the last finished step; where it can no longer be read, the last checkpoint takes its place.
func (t *training) makeRoom(ctx context.Context, cause error) error {
	if err := t.fitOnDevice(ctx, cause); err != nil {
		return err
	}
	if _, err := t.optimizer.State(); err == nil {
		return nil
	}
	return t.rewind(cause)
}

// rewind goes back to the last checkpoint.
func (t *training) rewind(cause error) error {
	if t.checkpoints == nil {
		return fmt.Errorf("the adapter was lost when the device ran out of memory, and no checkpoints are kept: %w", cause)
	}
	saved, damaged, err := t.checkpoints.directory.Newest()
	if err != nil {
		return err
	}
	if saved == nil {
		return fmt.Errorf("the adapter was lost when the device ran out of memory, and there is no checkpoint yet (%d damaged): %w", len(damaged), cause)
	}
	v := &saved.Vectors
	if err := t.optimizer.Restore(model.OptimizerState{Adapter: v.Adapter, First: v.First, Second: v.Second, Steps: saved.State.OptimizerSteps}); err != nil {
		return err
	}
	t.observer.Log(fmt.Sprintf("the adapter was lost when the device ran out of memory; going on from the checkpoint of step %d", saved.State.Step), true)
	return t.restore(saved)
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
