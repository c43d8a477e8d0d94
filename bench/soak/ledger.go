package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// ledger is what the driver knows of every job that it has asked for, and never forgets.
type ledger struct {
	mu      sync.Mutex
	entries []*entry
}

// entry is one job. Whoever calls the daemon about it holds its lock, so that what is known of it has an order.
type entry struct {
	mu      sync.Mutex
	spec    protocol.JobSpec
	script  *script
	twin    string // of a job for the real trainer: those of the same twin come to the same adapter
	id      string // empty until the creation was acknowledged
	known   knowledge
	history history
}

func (l *ledger) add(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, e)
}

func (l *ledger) all() []*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries[:len(l.entries):len(l.entries)]
}

// living counts the jobs that are not known to have ended. One that somebody calls about counts as living.
func (l *ledger) living() int {
	count := 0
	for _, e := range l.all() {
		if !e.mu.TryLock() {
			count++
			continue
		}
		if e.known.final == "" && !e.known.deleted {
			count++
		}
		e.mu.Unlock()
	}
	return count
}

// knowledge is what the daemon has acknowledged or shown of a job, and may not take back.
type knowledge struct {
	final       protocol.Status // that was seen; empty if none was since the last retry
	completedAt time.Time       // of it
	cancelled   bool            // a cancellation was acknowledged
	paused      bool            // it was seen paused, and nobody has asked for more since
	instance    string          // of the daemon that acknowledged or showed the last of these
	priority    int
	unsure      bool // of the priority
	attempts    int  // at least
	step        int  // at least
	retries     int  // that the driver asked for, heard or not
	deleting    bool // it was asked for
	deleted     bool // it was acknowledged
}

// lost notes that the answer to a call which may change the job did not come: what was known need not hold any more.
func (k *knowledge) lost() {
	k.final, k.cancelled, k.paused, k.unsure = "", false, false, true
}

// check holds a job against what is known of it, and returns what does not agree.
func (k *knowledge) check(job *protocol.TrainingStatus, instance string) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	switch {
	case k.deleted:
		fault("it is there again, after its deletion was acknowledged")
	case k.final != "" && job.Status != k.final:
		fault("it was %s, which is final, and is %s", k.final, job.Status)
	case k.final != "" && job.CompletedAt != nil && !job.CompletedAt.Equal(k.completedAt):
		fault("it has ended at %s and again at %s", k.completedAt.Format(time.RFC3339Nano), job.CompletedAt.Format(time.RFC3339Nano))
	case k.cancelled && !job.Status.Final() && (job.Status != protocol.StatusRunning || instance != k.instance):
		fault("its cancellation was acknowledged, and it is %s", job.Status)
	case k.paused && job.Status != protocol.StatusPaused:
		fault("it was paused, nobody has resumed it, and it is %s", job.Status)
	}
	if job.Status.Final() != (job.CompletedAt != nil) {
		fault("it is %s, and its end is %v", job.Status, job.CompletedAt)
	}
	if !k.unsure && !job.Status.Final() && job.Priority != k.priority {
		fault("its priority was set to %d and is %d", k.priority, job.Priority)
	}
	if job.Attempts < k.attempts {
		fault("it was started %d times, and now %d times", k.attempts, job.Attempts)
	}
	if job.Step < k.step {
		fault("it was at step %d and is at step %d", k.step, job.Step)
	}
	return faults
}

// learn takes up what a job shows.
func (k *knowledge) learn(job *protocol.TrainingStatus, instance string) {
	k.instance, k.attempts, k.step = instance, job.Attempts, job.Step
	k.priority, k.unsure = job.Priority, false
	k.paused = job.Status == protocol.StatusPaused
	k.final = ""
	if job.Status.Final() {
		k.final, k.cancelled = job.Status, false
		if job.CompletedAt != nil {
			k.completedAt = *job.CompletedAt
		}
	}
}

// sameSpec compares what two specifications are in JSON.
func sameSpec(a, b protocol.JobSpec) bool {
	first, errA := json.Marshal(a)
	second, errB := json.Marshal(b)
	return errA == nil && errB == nil && string(first) == string(second)
}
