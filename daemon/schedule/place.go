package schedule

import (
	"slices"
	"time"
)

// Placement is a job that is to be started.
type Placement struct {
	Job
	Device   string // the name of the one to run on, where Job.Device may be a kind
	Reserved int64  // bytes of it; the whole device when the job is larger
}

// Next takes the job that is to be started now out of the queue and reserves its memory, until [Scheduler.Release]. It
// gives none when no job may start. It is to be asked again after each change, until it gives none.
//
// It takes a few nanoseconds for each job that it passes over, and none when as many jobs run as may.
func (s *Scheduler) Next(now time.Time) (Placement, bool) {
	s.queue.wake(now)
	for _, d := range s.devices {
		d.awaited, d.held = nil, false
	}
	if s.paused || s.slotsTaken() {
		return Placement{}, false
	}
	limited, room, unawaited := s.ownersAtLimit(), s.room(), len(s.devices)
	for _, w := range s.queue.ready {
		if w.running || limited[w.Owner] {
			continue
		}
		if w.Memory <= room {
			if d := w.place(); d != nil {
				return s.start(w, d), true
			}
		}
		if unawaited > 0 && w.await(now, s.policy.Aging) {
			unawaited--
		}
	}
	return Placement{}, false
}

// room is the memory beyond which no job can be placed now, so that most of a long queue is passed over by one comparison.
// An idle device takes any job.
func (s *Scheduler) room() int64 {
	room := int64(0)
	for _, d := range s.devices {
		if len(d.runs) == 0 {
			return maxBytes
		}
		room = max(room, d.free())
	}
	return room
}

func (s *Scheduler) slotsTaken() bool {
	return s.policy.MaxRunning > 0 && len(s.runs) >= s.policy.MaxRunning
}

// ownersAtLimit is the owners that run as many jobs as they may.
func (s *Scheduler) ownersAtLimit() map[string]bool {
	if s.policy.OwnerRunning == nil {
		return nil
	}
	running := map[string]int{}
	for _, r := range s.runs {
		running[r.Owner]++
	}
	limited := map[string]bool{}
	for owner, n := range running {
		if limit := s.policy.OwnerRunning(owner); limit > 0 && n >= limit {
			limited[owner] = true
		}
	}
	return limited
}

// place is the best of the devices on which w can run now, or nil.
func (w *waiting) place() *device {
	var best *device
	for _, d := range w.devices {
		if d.fits(w) && d.spares(w) && (best == nil || compareRoom(d, best) < 0) {
			best = d
		}
	}
	return best
}

// await sets w, which fits nowhere, down as the job that one of its devices waits for, if no other before it is; and
// holds that device when w's turn first came long enough ago and no other device that it may use is held. It reports
// whether there was one to wait for.
func (w *waiting) await(now time.Time, patience time.Duration) bool {
	d := w.soonest()
	if d == nil {
		return false
	}
	d.awaited = w
	if w.turnSince.IsZero() {
		w.turnSince = now
	}
	isHeld := func(d *device) bool { return d.held }
	if now.Sub(w.turnSince) >= patience && !slices.ContainsFunc(w.devices, isHeld) {
		d.held, w.heldOn = true, d
	}
	return true
}

// soonest is the device on which w will fit first, of those for which no job before it waits. Once one was held for it, it
// stays with that one: a device that is left fills up again, and all its waiting would have been for nothing.
func (w *waiting) soonest() *device {
	var best *device
	bestDistance := 0.0
	for _, d := range w.devices {
		if d.awaited != nil {
			continue
		}
		if d == w.heldOn {
			return d
		}
		if distance := d.distance(w); best == nil || distance < bestDistance {
			best, bestDistance = d, distance
		}
	}
	return best
}
