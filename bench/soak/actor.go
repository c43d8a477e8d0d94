package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

const recent = 60 // jobs that calls are about: the newest ones

// tempo is how quickly things happen.
type tempo struct {
	think      time.Duration // of a user between two calls, on average
	mostPeace  time.Duration // between two blows
	mostLiving int           // jobs that are not known to have ended; more are not asked for
}

var (
	quick = tempo{think: 10 * time.Millisecond, mostPeace: 700 * time.Millisecond, mostLiving: 25}
	slow  = tempo{think: 150 * time.Millisecond, mostPeace: 6 * time.Second, mostLiving: 5} // real workers take seconds to come to their first step
)

// actor is a user: it asks for jobs and for what can be asked of them, one call after the other.
type actor struct {
	caller
	random *rand.Rand
}

// act is one thing that an actor may do.
type act struct {
	name   string
	weight int
	do     func(*actor, context.Context)
}

var acts = []act{
	{"create", 30, (*actor).create},
	{"read", 10, (*actor).read},
	{"read events", 10, (*actor).readEvents},
	{"subscribe", 5, (*actor).subscribe},
	{"cancel", 9, (*actor).cancel},
	{"pause", 10, (*actor).pause},
	{"resume", 14, (*actor).resume},
	{"retry", 12, (*actor).retry},
	{"set priority", 6, (*actor).setPriority},
	{"delete", 4, (*actor).remove},
	{"pause the queue", 1, (*actor).pauseQueue},
	{"resume the queue", 4, (*actor).resumeQueue},
	{"list", 3, (*actor).list},
	{"look at devices", 2, (*actor).devices},
}

// live acts until ctx ends.
func (a *actor) live(ctx context.Context) {
	defer a.close()
	total := 0
	for _, act := range acts {
		total += act.weight
	}
	for ctx.Err() == nil {
		drawn := a.random.IntN(total)
		for _, act := range acts {
			if drawn -= act.weight; drawn < 0 {
				act.do(a, ctx)
				break
			}
		}
		rest(ctx, time.Duration(a.random.Int64N(int64(2*a.soak.tempo.think))))
	}
}

// rest waits for a while, or until ctx ends.
func rest(ctx context.Context, while time.Duration) {
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// create asks for a job until that is acknowledged: it takes the same request to every daemon that comes.
func (a *actor) create(ctx context.Context) {
	if a.soak.ledger.living() >= a.soak.tempo.mostLiving {
		return
	}
	e, err := a.soak.invent(a.random)
	if err != nil {
		a.soak.faults.add("cannot invent a job: %v", err)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	a.soak.ledger.add(e)
	for attempt := 1; ctx.Err() == nil && !a.ask(ctx, e); attempt++ {
		if attempt == 1 {
			a.soak.tally.one("creations that were not acknowledged at once")
		}
		rest(ctx, a.soak.tempo.think) // the daemon has gone, or is about to
	}
}

// ask asks for a job, once, and reports whether it was acknowledged.
func (c *caller) ask(ctx context.Context, e *entry) bool {
	var job protocol.Job
	if c.call(ctx, protocol.MethodJobCreate, protocol.CreateParams{JobSpec: e.spec}, &job) != answered {
		return false
	}
	e.id = job.JobID
	c.soak.acknowledge()
	c.hold(e, &job)
	c.soak.tally.one("created")
	return true
}

// pick locks one of the newest jobs that nobody calls about, or returns nil.
func (a *actor) pick() *entry {
	all := a.soak.ledger.all()
	all = all[max(0, len(all)-recent):]
	if len(all) == 0 {
		return nil
	}
	e := all[a.random.IntN(len(all))]
	if !e.mu.TryLock() {
		return nil
	}
	if e.id == "" {
		e.mu.Unlock()
		return nil
	}
	return e
}

func (a *actor) read(ctx context.Context) {
	if e := a.pick(); e != nil {
		defer e.mu.Unlock()
		if a.look(ctx, e) {
			a.soak.tally.one("read")
		}
	}
}

func (a *actor) readEvents(ctx context.Context) {
	if e := a.pick(); e != nil {
		defer e.mu.Unlock()
		if a.follow(ctx, e) {
			a.soak.tally.one("read events")
		}
	}
}

// change makes a call that changes a job and is answered with its status.
func (a *actor) change(ctx context.Context, method string, what string, expect func(*entry, *protocol.TrainingStatus)) {
	e := a.pick()
	if e == nil {
		return
	}
	defer e.mu.Unlock()
	if method == protocol.MethodJobRetry {
		e.known.retries++ // heard or not
	}
	var status protocol.TrainingStatus
	switch a.call(ctx, method, protocol.IDParams{ID: e.id}, &status) {
	case answered:
		expect(e, &status)
		e.known.learn(&status, a.instance())
		a.soak.tally.one(what)
	case refused:
		a.soak.tally.one("refused: " + what)
		a.checkRefusal(e, what)
	case lost:
		e.known.lost()
		a.soak.tally.one("answer lost: " + what)
	}
}

// checkRefusal finds fault with a job that is said not to be there.
func (a *actor) checkRefusal(e *entry, what string) {
	if a.refusal == protocol.CodeNotFound && !e.known.deleting {
		a.soak.faults.add("%s: %s was refused because it is not there", e, what)
	}
}

func (a *actor) cancel(ctx context.Context) {
	a.change(ctx, protocol.MethodJobCancel, "cancelled", func(e *entry, status *protocol.TrainingStatus) {
		e.known.cancelled, e.known.final, e.known.paused = true, "", false
		// It may have ended by itself in the meantime.
		if !status.Status.Final() && status.Status != protocol.StatusRunning {
			a.soak.faults.add("%s was cancelled and is %s", e, status.Status)
		}
	})
}

func (a *actor) pause(ctx context.Context) {
	a.change(ctx, protocol.MethodJobPause, "paused", func(e *entry, status *protocol.TrainingStatus) {
		if status.Status != protocol.StatusPaused && !status.Status.Final() {
			a.soak.faults.add("%s was paused and is %s", e, status.Status)
		}
	})
}

func (a *actor) resume(ctx context.Context) {
	a.change(ctx, protocol.MethodJobResume, "resumed", func(e *entry, status *protocol.TrainingStatus) {
		if status.Status == protocol.StatusPaused {
			a.soak.faults.add("%s was resumed and is %s", e, status.Status)
		}
	})
}

func (a *actor) retry(ctx context.Context) {
	a.change(ctx, protocol.MethodJobRetry, "tried again", func(e *entry, status *protocol.TrainingStatus) {
		e.known.final, e.known.cancelled = "", false
		e.known.deleting = false // a deletion whose answer was lost had not begun, or this would have been refused
		if status.Status.Final() {
			a.soak.faults.add("%s was tried again and is %s", e, status.Status)
		}
	})
}
