// Package schedule decides which queued job runs next. It is arithmetic on what it is told: no clock, no store, no
// processes and no lock, so that a policy can be tested and simulated by itself. Whether the disk or a device can take
// the job is for others.
//
// The policy: a higher priority first, and inside a priority first in, first out; at most a given number at once.
package schedule

import (
	"cmp"
	"slices"
)

// Entry is a job that waits.
type Entry struct {
	JobID    string
	Priority int   // higher runs first
	Sequence int64 // smaller is older; unique
}

// Queue holds the jobs that wait, in the order in which they will run. The zero value is an empty queue. It is not safe
// for concurrent use.
type Queue struct{ entries []Entry }

// Add puts a job at its place in the queue. A job that is there already stays as it is.
func (q *Queue) Add(e Entry) {
	at, found := slices.BinarySearchFunc(q.entries, e, compare)
	if !found {
		q.entries = slices.Insert(q.entries, at, e)
	}
}

// Remove takes a job out, and reports whether it was there.
func (q *Queue) Remove(jobID string) bool {
	at := q.index(jobID)
	if at < 0 {
		return false
	}
	q.entries = slices.Delete(q.entries, at, at+1)
	return true
}

// Next takes the job that is to run next out of the queue. It gives none when the queue is empty or when the jobs that
// run have reached the capacity.
func (q *Queue) Next(running, capacity int) (Entry, bool) {
	if running >= capacity || len(q.entries) == 0 {
		return Entry{}, false
	}
	next := q.entries[0]
	q.entries = slices.Delete(q.entries, 0, 1)
	return next, true
}

// Position is a job's place in the queue: 1 is next, 0 means that it does not wait.
func (q *Queue) Position(jobID string) int { return q.index(jobID) + 1 }

// Waiting lists the ids of the jobs that wait, the next one first.
func (q *Queue) Waiting() []string {
	ids := make([]string, len(q.entries))
	for i, e := range q.entries {
		ids[i] = e.JobID
	}
	return ids
}

func (q *Queue) index(jobID string) int {
	return slices.IndexFunc(q.entries, func(e Entry) bool { return e.JobID == jobID })
}

func compare(a, b Entry) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Sequence, b.Sequence))
}
