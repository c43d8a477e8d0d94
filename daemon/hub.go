package daemon

import "sync"

// hub wakes those who follow a job when the store has something new of it. It carries no data: who is woken reads the
// store. So it needs no memory for those who are slow.
type hub struct {
	mu       sync.Mutex
	watchers map[string]map[*watch]struct{} // by job id
}

// watch is one follower's doorbell. C holds one ring, however many there were since it was last read.
type watch struct {
	C     chan struct{}
	hub   *hub
	jobID string
}

func newHub() *hub { return &hub{watchers: map[string]map[*watch]struct{}{}} }

// watch begins to follow a job. To miss nothing, read the store after it and not before.
func (h *hub) watch(jobID string) *watch {
	w := &watch{C: make(chan struct{}, 1), hub: h, jobID: jobID}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watchers[jobID] == nil {
		h.watchers[jobID] = map[*watch]struct{}{}
	}
	h.watchers[jobID][w] = struct{}{}
	return w
}

func (w *watch) stop() {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	delete(w.hub.watchers[w.jobID], w)
	if len(w.hub.watchers[w.jobID]) == 0 {
		delete(w.hub.watchers, w.jobID)
	}
}

// publish wakes everyone who follows a job. It never blocks.
func (h *hub) publish(jobID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers[jobID] {
		select {
		case w.C <- struct{}{}:
		default:
		}
	}
}
