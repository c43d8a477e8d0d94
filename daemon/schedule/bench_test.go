package schedule

import (
	"fmt"
	"testing"
	"time"
)

// busyScheduler has 10,000 jobs waiting, of several sizes, priorities and owners, and two devices that are full.
func busyScheduler(waiting int) *Scheduler {
	s := New([]Device{{"cuda:0", "cuda", 24 * gb}, {"cuda:1", "cuda", 24 * gb}}, Policy{
		Aging: time.Hour, OwnerRunning: func(string) int { return 3 },
	})
	for i := range 4 {
		s.Add(Job{ID: fmt.Sprintf("running-%d", i), Owner: fmt.Sprint("other-", i), Sequence: int64(i), Since: start, Device: "cuda", Memory: 11 * gb})
		s.Next(start)
	}
	for i := range waiting {
		s.Add(Job{
			ID: fmt.Sprintf("waiting-%d", i), Owner: fmt.Sprint("owner-", i%7), Priority: i % 5, Sequence: int64(10 + i),
			Since: start.Add(time.Duration(i) * time.Second), Device: "cuda", Memory: int64(3+i%20) * gb,
		})
	}
	return s
}

// BenchmarkNextFull is the worst case: every job is looked at, and none fits.
func BenchmarkNextFull(b *testing.B) {
	s := busyScheduler(10_000)
	for b.Loop() {
		if p, ok := s.Next(start); ok {
			b.Fatalf("%s was started on full devices", p.ID)
		}
	}
}

// BenchmarkNextTurnover is the usual case: a job ends, the next starts, and the one that ended comes back as a new one.
func BenchmarkNextTurnover(b *testing.B) {
	s := New([]Device{{"cuda:0", "cuda", 24 * gb}}, Policy{Aging: time.Hour, MaxRunning: 2})
	for i := range 10_000 {
		s.Add(Job{ID: fmt.Sprint("job-", i), Priority: i % 5, Sequence: int64(i), Since: start, Device: "cuda", Memory: gb})
	}
	now := start
	for b.Loop() {
		now = now.Add(time.Second)
		p, ok := s.Next(now)
		if !ok {
			b.Fatal("nothing was started")
		}
		s.Release(p.ID)
		p.Job.Since = now
		s.Add(p.Job)
	}
}

func BenchmarkPosition(b *testing.B) {
	s := busyScheduler(10_000)
	for b.Loop() {
		if s.Position("waiting-9999", start) == 0 {
			b.Fatal("a job that waits has no position")
		}
	}
}
