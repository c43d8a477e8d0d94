package schedule

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// waiting is a job in the queue.
type waiting struct {
	Job
	rank      rank
	devices   []*device // that it may be placed on
	running   bool      // its former run has not been released
	turnSince time.Time // when its turn first came and it fitted nowhere; zero until then
	heldOn    *device   // the device that was last held for it
}

// rank is a job's place in the order, which does not depend on the time.
type rank struct {
	priority int   // higher first; 0 in all where waiting is worth something
	arrival  int64 // µs since 1970: when a job of priority 0 would have had to come for the same place; smaller first
	sequence int64 // smaller first
}

// rank needs whole microseconds, so that Priority·Aging cannot overflow: 100 times the longest Duration are 29,000 years,
// and 63 bits hold ten times that.
func (p Policy) rank(job Job) rank {
	if p.Aging <= 0 {
		return rank{priority: job.Priority, arrival: job.Since.UnixMicro(), sequence: job.Sequence}
	}
	return rank{arrival: job.Since.UnixMicro() - int64(job.Priority)*p.Aging.Microseconds(), sequence: job.Sequence}
}

func byRank(a, b *waiting) int {
	return cmp.Or(
		cmp.Compare(b.rank.priority, a.rank.priority),
		cmp.Compare(a.rank.arrival, b.rank.arrival),
		cmp.Compare(a.rank.sequence, b.rank.sequence),
		strings.Compare(a.ID, b.ID))
}

func byNotBefore(a, b *waiting) int {
	return cmp.Or(a.NotBefore.Compare(b.NotBefore), byRank(a, b))
}

// queue is the jobs that wait, in two sorted slices: to insert into one means to move some pointers, which for thousands
// of jobs takes a few microseconds, and everything else about a slice is simple and fast.
type queue struct {
	jobs    map[string]*waiting
	ready   []*waiting // by rank
	delayed []*waiting // those with a NotBefore that had not come when wake was last called, by it
}

func (q *queue) insert(w *waiting) {
	q.jobs[w.ID] = w
	if w.NotBefore.IsZero() {
		q.ready = insertSorted(q.ready, w, byRank)
	} else {
		q.delayed = insertSorted(q.delayed, w, byNotBefore)
	}
}

func (q *queue) remove(w *waiting) {
	delete(q.jobs, w.ID)
	if w.NotBefore.IsZero() {
		q.ready = removeSorted(q.ready, w, byRank)
	} else {
		q.delayed = removeSorted(q.delayed, w, byNotBefore)
	}
}

// wake makes the jobs ready whose time has come. They stay so, even if the clock is set back.
func (q *queue) wake(now time.Time) {
	for len(q.delayed) > 0 && !q.delayed[0].NotBefore.After(now) {
		w := q.delayed[0]
		q.remove(w)
		w.NotBefore = time.Time{}
		q.insert(w)
	}
}

// sort restores the order after ranks have changed.
func (q *queue) sort() {
	slices.SortFunc(q.ready, byRank)
	slices.SortFunc(q.delayed, byNotBefore)
}

// position is w's place, where 1 is the first.
func (q *queue) position(w *waiting, now time.Time) int {
	if w.NotBefore.After(now) {
		at, _ := slices.BinarySearchFunc(q.delayed, w, byNotBefore)
		return len(q.ready) + at + 1
	}
	at, _ := slices.BinarySearchFunc(q.ready, w, byRank)
	for _, other := range q.due(now) {
		if byRank(other, w) < 0 {
			at++
		}
	}
	return at + 1
}

// ordered is all jobs in the order of their positions.
func (q *queue) ordered(now time.Time) []*waiting {
	due := q.due(now)
	jobs := slices.Concat(q.ready, due, q.delayed[len(due):])
	if len(due) > 0 {
		slices.SortFunc(jobs[:len(q.ready)+len(due)], byRank)
	}
	return jobs
}

// due is the jobs whose time has come since wake was last called.
func (q *queue) due(now time.Time) []*waiting {
	n := 0
	for n < len(q.delayed) && !q.delayed[n].NotBefore.After(now) {
		n++
	}
	return q.delayed[:n]
}

func insertSorted(jobs []*waiting, w *waiting, compare func(a, b *waiting) int) []*waiting {
	at, _ := slices.BinarySearchFunc(jobs, w, compare)
	return slices.Insert(jobs, at, w)
}

func removeSorted(jobs []*waiting, w *waiting, compare func(a, b *waiting) int) []*waiting {
	at, _ := slices.BinarySearchFunc(jobs, w, compare)
	return slices.Delete(jobs, at, at+1)
}
