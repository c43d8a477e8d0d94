package engine

import (
	"math"

	"github.com/shannon-labs/scu/protocol"
)

// schedule gives the learning rate of each optimizer step.
type schedule struct {
	kind   string
	peak   float64
	warmup int // steps
	total  int // steps
}

func newSchedule(c *protocol.SCUConfig, total int) schedule {
	return schedule{c.Schedule, c.LearningRate, int(math.Ceil(c.WarmupRatio * float64(total))), total}
}

// rate is the learning rate of step t, counted from 0: it climbs in equal parts to its peak over the warm-up, and then
// stays, falls in a line or falls along half a cosine towards 0 at the end. No step has the rate 0.
func (s schedule) rate(t int) float64 {
	if t < s.warmup {
		return s.peak * float64(t+1) / float64(s.warmup)
	}
	left := float64(s.total-t) / float64(s.total-s.warmup)
	switch s.kind {
	case protocol.ScheduleConstant:
		return s.peak
	case protocol.ScheduleCosine:
		return s.peak * (1 - math.Cos(math.Pi*left)) / 2
	default:
		return s.peak * left
	}
}
