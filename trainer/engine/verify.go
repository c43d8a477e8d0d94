package engine

import (
	"context"
	"fmt"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/data"
	"github.com/shannon-labs/scu/trainer/lora"
	"github.com/shannon-labs/scu/trainer/model"
)

const (
	checkedPositions  = 16   // of which logits are compared
	reloadTolerance   = 1e-6 // of the largest logit
	negligibleProduct = 1e-7 // an adapter whose scaled product B A has no entry above this may leave every logit as it was
)

// checkReloaded runs some rows under the adapter as it was trained, under the one that was read back from disk with the
// scale and modules that its own configuration says, and without one. The first two must agree, and differ from the third
// unless the adapter adds nothing.
func (r *run) checkReloaded(ctx context.Context, trained, reloaded *lora.Adapter, summary *protocol.RunSummary) error {
	batch, err := r.sampleBatch()
	if err != nil {
		return err
	}
	base, err := neutralAdapter(r.programs, r.layout)
	if err != nil {
		return err
	}
	asRead, err := model.NewPrograms(r.base, reloaded.Layout, model.Options{})
	if err != nil {
		return fmt.Errorf("check the saved adapter: %w", err)
	}
	defer asRead.Close()
	var logits [3][]float32
	for i, arm := range []struct {
		programs *model.Programs
		values   []float32
	}{{r.programs, trained.Values}, {asRead, reloaded.Values}, {r.programs, base}} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if logits[i], err = logitsUnder(arm.programs, batch, arm.values); err != nil {
			return fmt.Errorf("check the saved adapter: %w", err)
		}
	}
	summary.ReloadLogitDiff = protocol.Float(largestDifference(logits[1], logits[0]))
	summary.LogitChange = protocol.Float(largestDifference(logits[0], logits[2]))
	if !(summary.ReloadLogitDiff <= reloadTolerance) {
		return fmt.Errorf("the adapter read back from disk gives other logits than the trained one, by up to %g of the largest", summary.ReloadLogitDiff)
	}
	if !(summary.LogitChange > 0) && !negligible(trained) {
		return fmt.Errorf("the trained adapter leaves every logit of the base model as it was, though its weights are not zero")
	}
	return nil
}

// sampleBatch is one row of the held-out rows, or else of the training rows, with some of its positions.
func (r *run) sampleBatch() (*data.Batch, error) {
	feed := r.valFeed
	if feed == nil {
		feed = r.trainFeed
	}
	whole := feed.All()[0]
	batch, err := feed.Assemble(whole.Split(whole.Shape.Rows)[0])
	if err != nil {
		return nil, err
	}
	filled := countTokens(&batch)
	count := min(filled, checkedPositions)
	batch.TargetIndex, batch.TargetLabel, batch.SampleOf = nil, make([]int32, count), nil
	for i := range count {
		batch.TargetIndex = append(batch.TargetIndex, int32((i+1)*filled/count-1))
	}
	return &batch, nil
}

func logitsUnder(programs *model.Programs, batch *data.Batch, values []float32) ([]float32, error) {
	vector := model.NewVector(values)
	defer vector.Close()
	return programs.Logits(batch, len(batch.TargetIndex), vector)
}

// largestDifference is that of two arrays of one length, as a share of the second one's largest entry. It is NaN where an
// entry is.
func largestDifference(a, b []float32) float64 {
	difference, largest := 0.0, 0.0
	for i := range b {
		difference = max(difference, abs(float64(a[i])-float64(b[i])))
		largest = max(largest, abs(float64(b[i])))
	}
	if difference == 0 {
		return 0
	}
	return difference / largest
}

// negligible reports whether an adapter is too small to be seen in float32 logits. The sum of |B||A| bounds an entry of B A.
func negligible(adapter *lora.Adapter) bool {
	config := adapter.Layout.Config
	for _, slot := range adapter.Layout.Slots {
		a, b := adapter.Values[slot.A:slot.B], adapter.Values[slot.B:slot.B+config.Rank*slot.Out]
		if config.Scale()*float64(config.Rank)*largestEntry(a)*largestEntry(b) > negligibleProduct {
			return false
		}
	}
	return true
}

func largestEntry(values []float32) float64 {
	largest := 0.0
	for _, v := range values {
		largest = max(largest, abs(float64(v)))
	}
	return largest
}
