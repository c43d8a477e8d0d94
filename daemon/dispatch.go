package daemon

import (
	"slices"

	"github.com/shannon-labs/scu/daemon/schedule"
	"github.com/shannon-labs/scu/protocol"
)

// dispatch starts runs as the queue and the capacity allow, until the daemon ends.
func (d *daemon) dispatch() {
	for {
		for {
			r := d.takeNext()
			if r == nil {
				break
			}
			d.runners.Go(func() {
				defer d.release(r)
				d.run(r)
			})
		}
		select {
		case <-d.wake:
		case <-d.ending.Done():
			return
		}
	}
}

// takeNext moves the next job from the queue to the table of running ones, or returns nil if none may start now.
func (d *daemon) takeNext() *run {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ending.Err() != nil {
		return nil
	}
	next, ok := d.queue.Next(len(d.running), d.options.MaxConcurrent)
	if !ok {
		return nil
	}
	r := newRun(next.JobID)
	d.running[next.JobID] = r
	return r
}

func (d *daemon) release(r *run) {
	d.mu.Lock()
	if d.running[r.jobID] == r { // a job that is tried again may have its next run already
		delete(d.running, r.jobID)
	}
	d.endIfIdleLocked()
	d.mu.Unlock()
	d.nudge()
}

func (d *daemon) enqueue(e schedule.Entry) {
	d.mu.Lock()
	d.queue.Add(e)
	d.mu.Unlock()
	d.nudge()
}

// nudge makes the dispatcher look again.
func (d *daemon) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *daemon) queuePosition(jobID string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.queue.Position(jobID)
}

// stopRun takes a job out of the queue and stops its run. It reports whether there was one or the other.
func (d *daemon) stopRun(jobID string, reason *protocol.Error) bool {
	d.mu.Lock()
	waited := d.queue.Remove(jobID)
	d.endIfIdleLocked()
	r := d.running[jobID]
	d.mu.Unlock()
	if r != nil {
		r.stop(reason)
	}
	return waited || r != nil
}

// stopRuns stops every run because the daemon ends.
func (d *daemon) stopRuns() {
	reason := protocol.NewError(protocol.CodeCancelled, "the daemon was stopped while the job ran").WithHint("go on from its last checkpoint with: scu retry NAME")
	reason.Retryable = true
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.running {
		r.stop(reason)
	}
}

// beginCreating admits a call that makes a job, or refuses it because the daemon is about to end.
func (d *daemon) beginCreating() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.draining || d.ending.Err() != nil {
		refusal := protocol.NewError(protocol.CodeConflict, "the daemon is shutting down and takes no new jobs").
			WithHint("wait until it has ended, then submit the job again: a new daemon starts by itself")
		refusal.Retryable = true
		return refusal
	}
	d.creating++
	return nil
}

func (d *daemon) endCreating() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.creating--
	d.endIfIdleLocked()
}

// drain makes the daemon end when nothing is left to do, and returns the jobs that are left.
func (d *daemon) drain() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.draining = true
	d.endIfIdleLocked()
	return d.livingLocked()
}

// living returns the ids of the jobs that run and wait.
func (d *daemon) living() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.livingLocked()
}

func (d *daemon) livingLocked() []string {
	ids := []string{}
	for id := range d.running {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return append(ids, d.queue.Waiting()...)
}

func (d *daemon) endIfIdleLocked() {
	if d.draining && d.creating == 0 && len(d.livingLocked()) == 0 {
		d.endNow()
	}
}
