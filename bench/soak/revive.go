package main

import (
	"context"
	"fmt"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

const (
	mostStartTime  = 80 * time.Millisecond // in which a daemon may be killed while it starts
	startKills     = 25                    // times in a hundred that a start meets a kill
	storeChecks    = 20                    // times in a hundred that the dead store is checked
	inspectedFinal = 15                    // jobs that have ended, of those that are not new, that are looked at after a start
)

// revive starts a daemon after the one before has ended, and looks whether everything is as it must be. Some are killed while
// they start.
func (f *fate) revive(ctx context.Context) error {
	f.close()
	left, err := f.remains()
	if err != nil {
		return err
	}
	for f.daemon, err = f.soak.startDaemon(); err == nil && chance(f.random, startKills); f.daemon, err = f.soak.startDaemon() {
		time.Sleep(time.Duration(f.random.Int64N(int64(mostStartTime))))
		f.soak.tally.one("daemon killed while it started")
		f.soak.note("daemon killed while it started")
		if err := f.daemon.kill(); err != nil {
			return err
		}
		if err := f.awaitWorkersDeath(); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	began := time.Now()
	if f.client, err = f.soak.awaitReady(ctx, f.daemon); err != nil {
		return err
	}
	f.soak.startTimes.add(time.Since(began))
	if err := left.check(f.soak); err != nil {
		return err
	}
	return f.inspect(ctx)
}

// remains is what a dead daemon has left, which the next one must clear away before it answers.
type remains struct {
	processes []process // what workers have started
	temporary []string  // adapters that were not whole
}

// remains looks at what is there between two daemons. Workers die with their daemon; what they have started may not.
func (f *fate) remains() (*remains, error) {
	if err := f.awaitWorkersDeath(); err != nil {
		return nil, err
	}
	if chance(f.random, storeChecks) {
		if err := f.soak.checkStore(); err != nil {
			return nil, err
		}
	}
	r := &remains{}
	var err error
	if r.processes, err = f.soak.ground.processes(); err != nil {
		return nil, err
	}
	r.temporary, err = temporaries(f.soak.ground.adapters())
	f.soak.tally.add("processes that outlived worker and daemon", len(r.processes))
	f.soak.tally.add("unfinished adapters left", len(r.temporary))
	return r, err
}

func (f *fate) awaitWorkersDeath() error {
	left, err := f.soak.ground.awaitNone(deathPatience, roleWorker, roleDaemon)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		f.soak.faults.add("%s after their daemon's death there still are %v", deathPatience, left)
	}
	return nil
}

func (r *remains) check(s *soak) error {
	now, err := s.ground.processes()
	if err != nil {
		return err
	}
	for _, before := range r.processes {
		for _, p := range now {
			if p == before {
				s.faults.add("%v has outlived its worker and its daemon, and the next daemon lets it live", p)
			}
		}
	}
	for _, path := range r.temporary {
		if exists(path) {
			s.faults.add("%s was not whole when its worker died, and the next daemon lets it lie", path)
		}
	}
	return nil
}

// inspect looks at the jobs after a start: all that may have changed, and some of the others.
func (f *fate) inspect(ctx context.Context) error {
	f.inspectQueue(ctx)
	all := f.soak.ledger.all()
	for i, e := range all {
		if len(f.soak.faults.list()) > 0 {
			return nil
		}
		newest := i >= len(all)-recent
		if !newest && !chance(f.random, 100*inspectedFinal/len(all)+1) {
			continue
		}
		e.mu.Lock()
		if e.id != "" && f.look(ctx, e) {
			f.follow(ctx, e)
			f.soak.tally.one("looked at after a start")
		}
		e.mu.Unlock()
	}
	if f.client == nil {
		return fmt.Errorf("the daemon has gone while it was looked at (see %s)", f.soak.ground.log)
	}
	return nil
}

func (f *fate) inspectQueue(ctx context.Context) {
	q := &f.soak.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	var status protocol.QueueStatus
	if f.call(ctx, protocol.MethodQueueStatus, nil, &status) == answered && !q.unsure && status.Paused != q.paused {
		f.soak.faults.add("the queue's being paused was acknowledged as %v, and is %v", q.paused, status.Paused)
	}
	q.unsure, q.paused = false, status.Paused
}
