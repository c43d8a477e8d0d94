package schedule

import (
	"fmt"
	"time"
)

// Job is a job that waits for its turn.
type Job struct {
	ID       string
	Owner    string // who it is charged to
	Priority int    // higher runs first; within ±protocol.MaxPriority
	Sequence int64  // smaller is older; unique

	Since     time.Time // since when it waits, for aging
	NotBefore time.Time // it is not started earlier; zero when it may be at any time
	Device    string    // the kind or the name of the device that it must run on
	Memory    int64     // bytes that it needs of the device
}

// Policy is what an administrator decides. A limit of 0 is none.
type Policy struct {
	MaxRunning   int                    // jobs that run at once, on all devices together
	MaxQueued    int                    // jobs that wait
	OwnerRunning func(owner string) int // jobs of one owner that run at once; nil limits nobody
	Aging        time.Duration          // waiting this long is worth one priority; 0: waiting is worth nothing
}

// QueueFullError says that no further job may wait.
type QueueFullError struct {
	Limit  int // Policy.MaxQueued
	Queued int // jobs that wait
}

func (e *QueueFullError) Error() string {
	return fmt.Sprintf("the queue is full: %s, and at most %d may (training.max_queued_jobs); submit the job again when some have started, or cancel one that waits",
		count(e.Queued, "job waits", "jobs wait"), e.Limit)
}

// Scheduler holds the jobs that wait and the memory that running ones take. It is not safe for concurrent use.
type Scheduler struct {
	policy  Policy
	paused  bool
	devices []*device // in the order of the configuration
	queue   queue
	runs    []*run // in the order in which they were started
}

// New makes a scheduler for devices, whose names differ.
func New(devices []Device, policy Policy) *Scheduler {
	s := &Scheduler{policy: policy, queue: queue{jobs: map[string]*waiting{}}}
	for _, d := range devices {
		d.Memory = clampBytes(d.Memory)
		s.devices = append(s.devices, &device{Device: d})
	}
	return s
}

// Room returns a [*QueueFullError] when as many jobs wait as may, with those for which a place is promised.
func (s *Scheduler) Room(promised int) error {
	if queued := len(s.queue.jobs) + promised; s.policy.MaxQueued > 0 && queued >= s.policy.MaxQueued {
		return &QueueFullError{Limit: s.policy.MaxQueued, Queued: queued}
	}
	return nil
}

// QueuedOf is how many jobs of an owner wait.
func (s *Scheduler) QueuedOf(owner string) int {
	n := 0
	for _, w := range s.queue.jobs {
		if w.Owner == owner {
			n++
		}
	}
	return n
}

// Add puts a job into the queue, whether there is room or not: a job that has been accepted once is never turned away.
// One that waits already stays as it is. One that runs still is started again only after [Scheduler.Release].
func (s *Scheduler) Add(job Job) {
	if s.queue.jobs[job.ID] != nil {
		return
	}
	job.Memory = clampBytes(job.Memory)
	s.queue.insert(&waiting{
		Job: job, rank: s.policy.rank(job), devices: eligible(s.devices, job), running: s.running(job.ID) != nil,
	})
}

// Remove takes a job out of the queue, and reports whether it waited there. A running one is not touched.
func (s *Scheduler) Remove(id string) bool {
	w := s.queue.jobs[id]
	if w == nil {
		return false
	}
	s.queue.remove(w)
	for _, d := range s.devices {
		if d.awaited == w {
			d.awaited, d.held = nil, false
		}
	}
	return true
}

// SetPriority moves a job that waits to its new place, as if it had had that priority from the start.
func (s *Scheduler) SetPriority(id string, priority int) {
	if w := s.queue.jobs[id]; w != nil {
		s.queue.remove(w)
		w.Priority = priority
		w.rank = s.policy.rank(w.Job)
		s.queue.insert(w)
	}
}

// SetPolicy changes the policy for the jobs that wait. Running ones go on, even beyond a new limit.
func (s *Scheduler) SetPolicy(policy Policy) {
	s.policy = policy
	for _, w := range s.queue.jobs {
		w.rank = policy.rank(w.Job)
	}
	s.queue.sort()
}

// Pause stops or starts the queue: while it is paused, Next gives nothing.
func (s *Scheduler) Pause(paused bool) { s.paused = paused }

// Wake is when the next job's NotBefore passes, so that Next is worth asking again then: now, if that job became ready
// after Next was last asked.
func (s *Scheduler) Wake(now time.Time) (time.Time, bool) {
	if len(s.queue.delayed) == 0 {
		return time.Time{}, false
	}
	next := s.queue.delayed[0].NotBefore
	if next.Before(now) {
		next = now
	}
	return next, true
}

// Position is a job's place in the queue: 1 is the first, 0 means that it does not wait. Jobs whose NotBefore has not come
// are behind all others, the one that may start earliest first.
func (s *Scheduler) Position(id string, now time.Time) int {
	w := s.queue.jobs[id]
	if w == nil {
		return 0
	}
	return s.queue.position(w, now)
}

// Waiting lists the ids of the jobs that wait, in the order of their positions.
func (s *Scheduler) Waiting(now time.Time) []string {
	jobs := s.queue.ordered(now)
	ids := make([]string, len(jobs))
	for i, w := range jobs {
		ids[i] = w.ID
	}
	return ids
}

// Running lists the ids of the jobs that were started and not released, the oldest run first.
func (s *Scheduler) Running() []string {
	ids := make([]string, len(s.runs))
	for i, r := range s.runs {
		ids[i] = r.ID
	}
	return ids
}
