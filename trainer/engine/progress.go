package engine

import (
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// progressEvery is how often at most the share done of a phase is told; a phase that is over before then has none.
const progressEvery = time.Second

// progress tells how far a phase has come, now and then.
type progress struct {
	run   *run
	phase protocol.Phase
	told  time.Time
}

func (r *run) progress(phase protocol.Phase) *progress {
	return &progress{run: r, phase: phase, told: time.Now()}
}

func (p *progress) tell(percent float64) {
	if now := time.Now(); now.Sub(p.told) >= progressEvery {
		p.told = now
		p.run.observer.Progress(p.phase, percent)
	}
}
