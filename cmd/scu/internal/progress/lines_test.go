package progress

import (
	"strings"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

func TestLines(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	lines := NewLines(&out, true)
	lines.Begin(&protocol.Job{TrainingStatus: protocol.TrainingStatus{JobID: "j", Name: "mine", Status: protocol.StatusQueued}})
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	step := func(n int, after time.Duration) {
		lines.Event("j", protocol.JobEvent{Type: protocol.EventMetrics, Metrics: metrics(n), CreatedAt: noon.Add(after)})
	}
	running := &protocol.TrainingStatus{Status: protocol.StatusRunning, Phase: protocol.PhaseTraining}
	lines.Event("j", protocol.JobEvent{Type: protocol.EventState, Status: running})
	lines.Event("j", protocol.JobEvent{Type: protocol.EventState, Status: running}) // nothing new
	lines.Event("j", protocol.JobEvent{Type: protocol.EventPlan, Plan: &protocol.Plan{TotalSteps: 4}})
	step(1, 0)
	step(2, time.Second) // too soon after the last
	lines.Event("j", protocol.JobEvent{Type: protocol.EventWarning, Message: "beware"})
	step(3, 3*time.Second)
	step(4, 3500*time.Millisecond) // the last is always told
	lines.Event("j", protocol.JobEvent{Type: protocol.EventEval, Eval: &protocol.Evaluation{Step: 4, DataBPT: 2.5, TargetTokens: 10}})
	lines.Event("j", protocol.JobEvent{Type: protocol.EventState, Status: &protocol.TrainingStatus{
		Status: protocol.StatusFailed, Error: protocol.NewError(protocol.CodeInternal, "it broke"),
	}})
	lines.Close()

	const measured = "3.210 bits/token  S 0.0040  λ 1.050  312 tokens/s  1m30s left"
	want := []string{
		"mine: queued",
		"mine: training",
		"mine: plan: 4 steps, 0 rows, 0 target tokens, σ 0, S 0.0000→0.0000",
		"mine: step 1/4  " + measured,
		"mine: warning: beware",
		"mine: step 3/4  " + measured,
		"mine: step 4/4  " + measured,
		"mine: held-out 2.5000 bits/token after 4 steps (10 target tokens)",
		"mine: failed: it broke",
	}
	if got := strings.TrimSpace(out.String()); got != strings.Join(want, "\n") {
		t.Errorf("printed\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}
