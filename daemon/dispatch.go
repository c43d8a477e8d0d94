package daemon

import (
	"slices"
	"time"

	"github.com/shannon-labs/scu/daemon/schedule"
	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
)

// dispatch starts runs as the queue and the devices allow, until the daemon ends.
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
		if !d.awaitWork() {
			return
		}
	}
}

// awaitWork returns when the queue is worth another look: somebody has changed it, or a job's time has come. It reports
// false at the daemon's end.
func (d *daemon) awaitWork() bool {
	var due <-chan time.Time
	d.mu.Lock()
	at, waits := d.queue.Wake(time.Now())
	waits = waits && d.mayStartLocked()
	d.mu.Unlock()
	if waits {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-d.wake:
	case <-due:
	case <-d.ending.Done():
		return false
	}
	return true
}

// mayStartLocked reports whether jobs may start at all.
func (d *daemon) mayStartLocked() bool {
	return d.ending.Err() == nil && d.closing != protocol.ShutdownDrained && !d.diskLow && !d.storeGone
}

// takeNext moves the next job from the queue to the table of running ones, or returns nil if none may start now.
func (d *daemon) takeNext() *run {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.mayStartLocked() {
		return nil
	}
	placement, ok := d.queue.Next(time.Now())
	if !ok {
		return nil
	}
	r := newRun(placement)
	d.running[placement.Job.ID] = r
	return r
}

// release takes a run out of the table. If its job waits in the queue again, it may start from now on.
func (d *daemon) release(r *run) {
	d.mu.Lock()
	delete(d.running, r.jobID)
	d.queue.Release(r.jobID)
	d.endIfIdleLocked()
	d.mu.Unlock()
	d.nudge()
}

// enqueue makes a job that is stored as queued wait for its turn.
func (d *daemon) enqueue(record *store.Record) {
	job := d.waitingJob(record)
	d.mu.Lock()
	delete(d.diskPaused, job.ID)
	d.queue.Add(job) // it starts only when the run before it has let go
	d.mu.Unlock()
	d.nudge()
}

func (d *daemon) waitingJob(record *store.Record) schedule.Job {
	job := schedule.Job{
		ID: record.Job.JobID, Owner: record.Owner, Priority: record.Job.Priority, Sequence: record.Sequence, Since: record.QueuedAt,
		Device: record.Device, Memory: record.MemoryBytes,
	}
	if record.NotBefore != nil {
		job.NotBefore = *record.NotBefore
		if latest := time.Now().Add(d.config.Load().Training.RetryBackoffMax); job.NotBefore.After(latest) {
			job.NotBefore = latest // the clock was set back
		}
	}
	return job
}

// nudge makes the dispatcher look again.
func (d *daemon) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// stopRun takes a job out of the queue and stops its run. It reports whether there was one or the other.
func (d *daemon) stopRun(jobID string, s stopping) bool {
	d.mu.Lock()
	waited := d.queue.Remove(jobID)
	d.endIfIdleLocked()
	r := d.running[jobID]
	d.mu.Unlock()
	if r != nil {
		r.stop(s)
	}
	return waited || r != nil
}

// stopWorker stops a job's run, and reports whether there was one. A job in the queue stays there.
func (d *daemon) stopWorker(jobID string, s stopping) bool {
	d.mu.Lock()
	r := d.running[jobID]
	d.mu.Unlock()
	if r != nil {
		r.stop(s)
	}
	return r != nil
}

// stopRuns stops every run because the daemon ends.
func (d *daemon) stopRuns() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.running {
		r.stop(stopping{verdict: requeue, message: "the daemon stops"})
	}
}

// beginCreating admits a call that puts a job into the queue, or refuses it because the daemon is about to end.
func (d *daemon) beginCreating() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closing != "" || d.ending.Err() != nil {
		refusal := protocol.NewError(protocol.CodeConflict, "the daemon is shutting down and takes no new jobs").
			WithHint("wait until it has ended, then submit the job again: a new daemon starts by itself")
		refusal.Retryable = true
		return refusal
	}
	if d.storeGone {
		return protocol.NewError(protocol.CodeInternal, "the job store %s was removed or replaced while the daemon runs", StorePath(d.options.Home)).
			WithHint("put the file back if you can, and have the daemon start again: scu daemon stop --now")
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

// close asks for the daemon's end, in one of the ways of protocol.ShutdownParams, and returns the jobs that it waits for.
func (d *daemon) close(when string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closing = when
	if when == protocol.ShutdownNow {
		d.endNow()
		return d.runningLocked()
	}
	d.endIfIdleLocked()
	return d.awaitedLocked()
}

// awaitedLocked are the ids of the jobs whose end the daemon waits for before it ends.
func (d *daemon) awaitedLocked() []string {
	ids := d.runningLocked()
	if d.closing != protocol.ShutdownDrained {
		ids = append(ids, d.queue.Waiting(time.Now())...)
	}
	return ids
}

func (d *daemon) runningLocked() []string {
	ids := []string{}
	for id := range d.running {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (d *daemon) endIfIdleLocked() {
	if d.closing != "" && d.creating == 0 && len(d.awaitedLocked()) == 0 {
		d.endNow()
	}
}
