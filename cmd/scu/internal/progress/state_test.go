package progress

import (
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

func metrics(step int) *protocol.TrainingMetrics {
	return &protocol.TrainingMetrics{
		Step: step, DataBPT: 3.21, SRatio: 0.004, LambdaValue: 1.05, TokensPerSecond: 312.4, EtaMinutes: 1.5,
	}
}

func TestStateFollowsEvents(t *testing.T) {
	t.Parallel()
	second := 2
	s := NewState(&protocol.Job{TrainingStatus: protocol.TrainingStatus{
		Name: "mine", Status: protocol.StatusQueued, QueuePosition: &second,
	}})
	check := func(when, phase, steps, measures string, fraction float64) {
		t.Helper()
		if s.Phase() != phase || s.Steps() != steps || s.Measures() != measures || s.Fraction() != fraction {
			t.Errorf("%s: phase %q, steps %q, measures %q, fraction %g", when, s.Phase(), s.Steps(), s.Measures(), s.Fraction())
		}
	}
	check("snapshot", "queued, number 2", "", "", 0)
	s.Apply(protocol.JobEvent{Status: &protocol.TrainingStatus{Status: protocol.StatusRunning, Phase: protocol.PhaseCompiling}})
	check("state", "compiling", "", "", 0)
	s.Apply(protocol.JobEvent{Metrics: metrics(1)})
	check("a step before the plan", "compiling", "1", "3.210 bits/token  S 0.0040  λ 1.050  312 tokens/s  1m30s left", 0)
	s.Apply(protocol.JobEvent{Plan: &protocol.Plan{TotalSteps: 8, Config: protocol.SCUConfig{TargetS: 0.005}}})
	s.Apply(protocol.JobEvent{Metrics: metrics(2)})
	check("a step after it", "compiling", "2/8", "3.210 bits/token  S 0.0040 → 0.0050  λ 1.050  312 tokens/s  1m30s left", 0.25)
	s.Apply(protocol.JobEvent{Status: &protocol.TrainingStatus{Status: protocol.StatusPaused, Step: 2, TotalSteps: 8}})
	check("a pause", "paused", "2/8", "3.210 bits/token  S 0.0040 → 0.0050  λ 1.050  312 tokens/s", 0.25)
	s.Apply(protocol.JobEvent{Status: &protocol.TrainingStatus{Status: protocol.StatusFailed, Step: 2, TotalSteps: 8}})
	check("the end", "failed", "2/8", "3.210 bits/token  S 0.0040 → 0.0050  λ 1.050  312 tokens/s", 0.25)
}

func TestMeasuresThatAreNotFinite(t *testing.T) {
	t.Parallel()
	m := metrics(1)
	m.DataBPT, m.EtaMinutes = protocol.NaN(), protocol.NaN()
	s := &State{Metrics: m}
	if want := "– bits/token  S 0.0040  λ 1.050  312 tokens/s"; s.Measures() != want {
		t.Errorf("measures are %q, want %q", s.Measures(), want)
	}
}
