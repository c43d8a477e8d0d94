package daemon

import (
	"sync"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// farewellTime bounds how long the daemon's end waits for peers that read slowly.
const farewellTime = 2 * time.Second

// farewell lets everyone who waits for a job learn how it ended before the daemon's end closes their connections. Over
// is closed when no job will change any more: who waits then looks once more and goes.
type farewell struct {
	over chan struct{}

	mu      sync.Mutex
	present int           // calls and followers in progress
	empty   chan struct{} // closed when present falls to 0; nil until somebody asks
}

func newFarewell() farewell { return farewell{over: make(chan struct{})} }

func (f *farewell) enter() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.present++
}

func (f *farewell) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.present--
	f.signalLocked()
}

func (f *farewell) signalLocked() {
	if f.empty != nil && f.present == 0 {
		close(f.empty)
		f.empty = nil
	}
}

// say tells everyone that it is over, and waits until all have gone or the time is up. It is called once.
func (f *farewell) say(atMost time.Duration) {
	close(f.over)
	f.mu.Lock()
	f.empty = make(chan struct{})
	empty := f.empty
	f.signalLocked()
	f.mu.Unlock()
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-empty:
	case <-timer.C:
	}
}

// stillLiving tells who waits for a job that its daemon goes first.
func stillLiving(status *protocol.TrainingStatus) error {
	ending := protocol.NewError(protocol.CodeConflict, "the daemon stops while job %s is %s", status.JobID, status.Status).
		WithHint("the job goes on when a daemon runs again; see it with: scu status %s", status.JobID)
	ending.Retryable = true
	return ending
}
