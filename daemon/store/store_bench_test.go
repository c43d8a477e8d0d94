package store

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/shannon-labs/scu/protocol/frame"
)

// BenchmarkRecordFrames stores metrics in batches of the sizes that a slow and a fast worker cause.
func BenchmarkRecordFrames(b *testing.B) {
	for _, batch := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			s := openBench(b)
			if _, err := s.StartJob(context.Background(), "job-0", "adapter"); err != nil {
				b.Fatal(err)
			}
			step := 0
			for b.Loop() {
				frames := make([]frame.Event, batch)
				for i := range frames {
					step++
					frames[i] = stepFrame(step)
				}
				if err := s.RecordFrames(context.Background(), "job-0", frames); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(step)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkCreateJob includes the sync to disk that makes a job durable.
func BenchmarkCreateJob(b *testing.B) {
	s := openBench(b)
	for i := 1; b.Loop(); i++ {
		id := fmt.Sprintf("job-%d", i)
		if _, _, err := s.CreateJob(context.Background(), newJob(id, id)); err != nil {
			b.Fatal(err)
		}
	}
}

// openBench opens a store with one job.
func openBench(b *testing.B) *Store {
	b.Helper()
	s, err := Open(context.Background(), filepath.Join(b.TempDir(), "scu.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	if _, _, err := s.CreateJob(context.Background(), newJob("job-0", "job-0")); err != nil {
		b.Fatal(err)
	}
	return s
}
