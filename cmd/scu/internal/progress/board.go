package progress

import (
	"sync"

	"github.com/shannon-labs/scu/protocol"
)

// board keeps the state of every job that a view draws, and lets one caller at a time see it.
type board struct {
	mu     sync.Mutex
	states map[string]*State // by job id
}

func newBoard() *board {
	return &board{states: map[string]*State{}}
}

func (b *board) begin(job *protocol.Job, see func(*State)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := NewState(job)
	b.states[job.JobID] = state
	see(state)
}

// apply panics when the job was never begun, which is a bug of the caller.
func (b *board) apply(jobID string, event protocol.JobEvent, see func(*State)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := b.states[jobID]
	state.Apply(event)
	see(state)
}
