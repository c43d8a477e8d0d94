package plan

import (
	"context"
	"errors"
	"math"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/architecture"
	"github.com/shannon-labs/scu/trainer/lora"
)

// Settle completes a plan once the rows are tokenised: N, the number of steps, the prior's width and the S at which
// training will begin, these two for an assumed cost of a target token. stepsPerEpoch is how many optimizer steps one pass
// over the rows takes.
func Settle(config protocol.SCUConfig, reasons map[string]string, arch architecture.Config, layout *lora.Layout, set *Set, stepsPerEpoch int) *protocol.Plan {
	p := &protocol.Plan{
		Config: config, Reasons: map[string]string{}, BaseParameters: arch.Parameters(), AdapterWeights: int64(layout.Size),
		TrainRows: set.TrainRows, ValRows: set.ValRows, TargetTokens: set.TrainReport.TargetTokens,
	}
	for key, reason := range reasons {
		p.Reasons[key] = reason
	}
	p.TotalSteps = config.MaxSteps
	if p.TotalSteps == 0 {
		p.TotalSteps = max(1, int(math.Ceil(config.Epochs*float64(stepsPerEpoch))))
	}
	for _, d := range set.Detected {
		p.RowForms = append(p.RowForms, d.String())
	}
	for _, d := range set.ValDetected {
		p.RowForms = append(p.RowForms, "held out: "+d.String())
	}
	p.Warnings = set.Warnings(config.BlockSize)
	if set.ValRows == 0 {
		p.Warnings = append(p.Warnings, "no rows are held out, so what the adapter gains on unseen text is not measured; give val_data or a val_fraction")
	}
	SettlePrior(p, config, layout, layout.ExpectedInitialSquares(), assumedDataBPT)
	if warning := unreachable(p, layout); warning != "" {
		p.Warnings = append(p.Warnings, warning)
	}
	return p
}

// Estimate prepares a job and tokenises its rows, and so says all that can be known without training.
func (p *Planner) Estimate(ctx context.Context, home string, spec protocol.JobSpec, deviceKind string) (*protocol.Plan, *protocol.Error) {
	d, failure := p.draft(ctx, home, spec, deviceKind)
	if failure != nil {
		return nil, failure
	}
	source, failure := OpenModel(d.ModelPath)
	if failure != nil {
		return nil, failure
	}
	defer source.Close()
	endpoint, token := p.hub()
	set, err := LoadSet(ctx, source, SetOptions{
		Train: spec.TrainData, Val: spec.ValData, Config: &d.Config, CacheDir: CacheDirectory(home), HubEndpoint: endpoint, HubToken: token,
	})
	if err != nil {
		return nil, Explain(err)
	}
	feed := TrainFeed(set, &d.Config)
	plan := Settle(d.Config, d.Reasons, source.Config, d.workload.layout, set, feed.StepsPerEpoch(d.Config.GradAccum))
	plan.MemoryBytes = d.workload.memoryOf(feed.Shapes)
	return plan, nil
}

// Explain gives an error without a code one: what a user's input can cause has its code already, so this is a bug or the
// machine's fault.
func Explain(err error) *protocol.Error {
	var known *protocol.Error
	if errors.As(err, &known) {
		return known
	}
	return protocol.NewError(protocol.CodeInternal, "%v", err)
}
