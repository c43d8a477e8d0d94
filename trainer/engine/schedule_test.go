package engine

import (
	"math"
	"testing"

	"github.com/shannon-labs/scu/protocol"
)

func TestScheduleClimbsThenFalls(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind  string
		step  int
		share float64 // of the peak
	}{
		{protocol.ScheduleLinear, 0, 1.0 / 2}, {protocol.ScheduleLinear, 1, 1}, {protocol.ScheduleLinear, 2, 1},
		{protocol.ScheduleLinear, 11, 0.5}, {protocol.ScheduleLinear, 19, 1.0 / 18},
		{protocol.ScheduleCosine, 2, 1}, {protocol.ScheduleCosine, 11, 0.5}, {protocol.ScheduleCosine, 19, (1 - math.Cos(math.Pi/18)) / 2},
		{protocol.ScheduleConstant, 0, 0.5}, {protocol.ScheduleConstant, 19, 1},
	} {
		s := newSchedule(&protocol.SCUConfig{Schedule: c.kind, LearningRate: 3e-4, WarmupRatio: 0.1}, 20)
		if got := s.rate(c.step); math.Abs(got-3e-4*c.share) > 1e-12 {
			t.Errorf("%s, step %d: %g, want %g of the peak", c.kind, c.step, got, c.share)
		}
	}
}

func TestScheduleOfAnyLengthNeverStandsStill(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{protocol.ScheduleLinear, protocol.ScheduleCosine, protocol.ScheduleConstant} {
		for _, warmup := range []float64{0, 0.1, 0.5, 1} {
			for total := 1; total < 30; total++ {
				s := newSchedule(&protocol.SCUConfig{Schedule: kind, LearningRate: 1, WarmupRatio: warmup}, total)
				for step := range total {
					if rate := s.rate(step); !(rate > 0 && rate <= 1) {
						t.Fatalf("%s, warm-up %g, step %d of %d: the rate is %g", kind, warmup, step, total, rate)
					}
				}
			}
		}
	}
}

func TestDropoutSeedsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[uint32]bool{}
	for seed := range int64(3) {
		for step := range 200 {
			for micro := range 8 {
				seen[dropoutSeed(seed, step, micro)] = true
			}
		}
	}
	if len(seen) < 3*200*8-2 { // among 32-bit words a chance collision is rare, two are rarer
		t.Errorf("%d seeds of %d are different", len(seen), 3*200*8)
	}
}
