package engine

import (
	"context"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/checkpoint"
)

// writeLast writes a checkpoint at the end of training, so that whatever goes wrong from there on costs no step. untold
// are the metrics of the last step, or nil where they have been told.
func (t *training) writeLast(ctx context.Context, untold *protocol.TrainingMetrics) error {
	if t.checkpoints == nil || t.checkpoints.every < 0 {
		return nil
	}
	t.untold = untold
	err := t.writeCheckpoint(ctx)
	t.untold = nil
	return err
}

// takeUp does what an earlier process had yet to do after the step of its checkpoint. Whether training has ended there is
// asked again: the limits may be others now.
func (t *training) takeUp(ctx context.Context) error {
	if metrics := t.untold; metrics != nil {
		t.untold = nil
		t.endedBy = t.ended()
		return t.finishStep(ctx, metrics)
	}
	if evaluated := t.last.ValDataBPT != nil; evaluated && t.outOfPatience() {
		t.endedBy = protocol.EndedByEarlyStop
	}
	return nil
}

func untoldOf(m *protocol.TrainingMetrics) *checkpoint.Untold {
	if m == nil {
		return nil
	}
	return &checkpoint.Untold{
		DataBPT: checkpoint.Number(m.DataBPT), ParamBPT: checkpoint.Number(m.ParamBPT), TotalBPT: checkpoint.Number(m.TotalBPT),
		SRatio: checkpoint.Number(m.SRatio), SSmoothed: checkpoint.Number(m.SSmoothed), Lambda: checkpoint.Number(m.LambdaValue),
		Integral: checkpoint.Number(m.Integral), LearningRate: checkpoint.Number(m.LearningRate), Loss: checkpoint.Number(m.Loss),
		GradNorm: checkpoint.Number(m.GradNorm), Tokens: m.Tokens, TargetTokens: m.TargetTokens,
		TokensPerSecond: checkpoint.Number(m.TokensPerSecond), EtaMinutes: checkpoint.Number(m.EtaMinutes),
	}
}

// metricsOf makes a step's metrics of what a checkpoint holds; nil of nil.
func (t *training) metricsOf(u *checkpoint.Untold) *protocol.TrainingMetrics {
	if u == nil {
		return nil
	}
	return &protocol.TrainingMetrics{
		Step: t.steps, Epoch: t.epochs(),
		DataBPT: protocol.Float(u.DataBPT), ParamBPT: protocol.Float(u.ParamBPT), TotalBPT: protocol.Float(u.TotalBPT),
		SRatio: protocol.Float(u.SRatio), SSmoothed: protocol.Float(u.SSmoothed), LambdaValue: protocol.Float(u.Lambda),
		Integral: protocol.Float(u.Integral), LearningRate: protocol.Float(u.LearningRate), Loss: protocol.Float(u.Loss),
		GradNorm: protocol.Float(u.GradNorm), Tokens: u.Tokens, TargetTokens: u.TargetTokens,
		TokensPerSecond: protocol.Float(u.TokensPerSecond), EtaMinutes: protocol.Float(u.EtaMinutes),
		DeviceMemoryBytes: t.deviceMemory(), CreatedAt: time.Now().UTC(),
	}
}
