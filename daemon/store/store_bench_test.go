package store

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shannon-labs/scu/protocol/frame"
)

// BenchmarkRecordFrames stores metrics in batches of the sizes that slow and fast workers cause.
func BenchmarkRecordFrames(b *testing.B) {
	for _, workers := range []int{1, 10} {
		for _, batch := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("workers=%d/batch=%d", workers, batch), func(b *testing.B) {
				s := openBench(b)
				ids := startJobs(b, s, workers)
				var rows atomic.Int64
				b.ResetTimer()
				inParallel(b, workers, func(worker, i int) error {
					frames := make([]frame.Event, batch)
					for k := range frames {
						frames[k] = stepFrame(i*batch + k + 1)
					}
					rows.Add(int64(batch))
					return s.RecordFrames(context.Background(), ids[worker], frames)
				})
				b.ReportMetric(float64(rows.Load())/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

// BenchmarkCreateJob includes the sync to disk that makes a job durable.
func BenchmarkCreateJob(b *testing.B) {
	for _, clients := range []int{1, 32} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			s := openBench(b)
			var mu sync.Mutex
			var took []time.Duration
			b.ResetTimer()
			inParallel(b, clients, func(client, i int) error {
				id := fmt.Sprintf("job-%d-%d", client, i)
				began := time.Now()
				_, _, err := s.CreateJob(context.Background(), newJob(id, id))
				mu.Lock()
				defer mu.Unlock()
				took = append(took, time.Since(began))
				return err
			})
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
		})
	}
}

// BenchmarkJob looks for a job among ten thousand.
func BenchmarkJob(b *testing.B) {
	s := openBench(b)
	fillJobs(b, s, 10_000)
	for _, key := range []string{"job-5000", "name-5000", "same"} {
		b.Run(key, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Job(context.Background(), key); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("living", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Living(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("counts", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Counts(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// inParallel runs do b.N times in all, by so many callers at once. Each caller counts its own calls from 0.
func inParallel(b *testing.B, callers int, do func(caller, i int) error) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for i := 0; left.Add(-1) >= 0; i++ {
				if err := do(caller, i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func startJobs(b *testing.B, s *Store, count int) []string {
	b.Helper()
	ids := make([]string, count)
	for i := range ids {
		ids[i] = fmt.Sprintf("running-%d", i)
		if _, _, err := s.CreateJob(context.Background(), newJob(ids[i], ids[i])); err != nil {
			b.Fatal(err)
		}
		if _, err := s.StartJob(context.Background(), ids[i], Start{AdapterID: "adapter-" + ids[i], Device: "cpu"}); err != nil {
			b.Fatal(err)
		}
	}
	return ids
}

// fillJobs adds so many jobs, of which half wait, and half have failed and have one name.
func fillJobs(b *testing.B, s *Store, count int) {
	b.Helper()
	template := newJob("template", "template")
	if _, _, err := s.CreateJob(context.Background(), template); err != nil {
		b.Fatal(err)
	}
	_, err := s.write.Exec(`
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO jobs (id, name, status, completed_at, base_model, model_path, train_data, spec, config, reasons, created_at, queued_at)
SELECT 'job-' || i, iif(i % 2, 'same', 'name-' || i), iif(i % 2, 'failed', 'queued'), iif(i % 2, i, NULL), base_model, model_path, train_data, spec, config, reasons, i, i
FROM n, jobs WHERE id = 'template'`, count)
	if err != nil {
		b.Fatal(err)
	}
}

// openBench opens an empty store.
func openBench(b *testing.B) *Store {
	b.Helper()
	s, err := Open(context.Background(), filepath.Join(b.TempDir(), "scu.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}
