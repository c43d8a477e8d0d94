package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

const (
	streams       = 10 // jobs that run and stream
	streamRate    = 20 // rows a second of each while status is read
	statusReaders = 4
	statusCalls   = 500 // of each, a round
	offeredRate   = 500 // rows a second of each stream, for the rate that must be sustained
	idleTime      = 2 * time.Second
)

// bench is one run of the benchmark.
type bench struct {
	*options
	results   *results
	directory string
	workload  *workload
	stored    int // rows of metrics that the jobs of the big store's daemon must have stored
}

func measureAll(ctx context.Context, o *options) (*results, error) {
	directory, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(directory)
	b := &bench{options: o, results: &results{}, directory: directory}
	if b.results.Machine, err = describeMachine(directory); err != nil {
		return nil, err
	}
	if b.workload, err = newWorkload(o.model, directory); err != nil {
		return nil, err
	}
	if err := b.small(ctx); err != nil {
		return nil, fmt.Errorf("with a fresh store: %w", err)
	}
	if err := b.big(ctx); err != nil {
		return nil, fmt.Errorf("with the big store: %w", err)
	}
	return b.results, nil
}

// progress tells a person how far the benchmark is.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// small measures bursts of creations on a store that has nothing else.
func (b *bench) small(ctx context.Context) error {
	for round := range b.rounds {
		progress("round %d of %d with a fresh store", round+1, b.rounds)
		home := filepath.Join(b.directory, fmt.Sprintf("fresh%d", round))
		if err := os.Mkdir(home, 0o700); err != nil {
			return err
		}
		s, err := startServer(ctx, home, 1)
		if err != nil {
			return err
		}
		if err := b.burst(ctx, s, "fresh store", true); err != nil {
			return err
		}
		if err := s.stop(ctx); err != nil {
			return err
		}
	}
	return nil
}

// burst measures one, while a job runs that keeps the others waiting.
func (b *bench) burst(ctx context.Context, s *server, store string, goal bool) error {
	running, err := b.workload.startStreams(ctx, s.client, 1, streamRate)
	if err != nil {
		return err
	}
	latencies, whole, err := burst(ctx, s, b.workload, b.options)
	if err != nil {
		return err
	}
	r := b.results
	what := fmt.Sprintf("create, %d from %d connections, %s: ", b.submissions, b.connections, store)
	limit := 0.0
	if goal {
		limit = 50
	}
	r.add(what+"p50", "ms", milliseconds(quantile(latencies, 0.5)), 0)
	r.add(what+"p99", "ms", milliseconds(quantile(latencies, 0.99)), limit)
	r.add(what+"longest", "ms", milliseconds(quantile(latencies, 1)), 0)
	r.add(what+"jobs a second", "/s", float64(b.submissions)/whole.Seconds(), 0)
	return endAll(ctx, s.client, running)
}

// big measures what depends on how much is stored.
func (b *bench) big(ctx context.Context) error {
	kept, err := bigStore(ctx, b.options)
	if err != nil {
		return err
	}
	home := filepath.Join(b.directory, "big")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	progress("copying the store of %d jobs and %d rows", b.jobs, b.jobs*b.rowsOfJob)
	database := filepath.Join(home, "scu.db")
	if err := copyFile(kept, database); err != nil {
		return err
	}
	if err := b.starts(ctx, home); err != nil {
		return err
	}
	s, err := startServer(ctx, home, streams)
	if err != nil {
		return err
	}
	for round := range b.rounds {
		progress("round %d of %d with the big store", round+1, b.rounds)
		for _, measure := range []func(context.Context, *server) error{b.status, b.flood, b.offer} {
			if err := measure(ctx, s); err != nil {
				return err
			}
		}
	}
	if err := b.bigBurst(ctx, s); err != nil {
		return err
	}
	_, most, err := s.memory()
	if err != nil {
		return err
	}
	b.results.add("memory, the most while all that was measured", "MB", float64(most)/1e6, 100)
	if err := s.stop(ctx); err != nil {
		return err
	}
	return b.count(ctx, database)
}

// starts measures how long a daemon takes to answer, and what it holds when it has nothing to do.
func (b *bench) starts(ctx context.Context, home string) error {
	for range max(b.rounds, 2) {
		s, err := startServer(ctx, home, streams)
		if err != nil {
			return err
		}
		b.results.add("start, to the first answer", "ms", milliseconds(s.answer), 150)
		time.Sleep(idleTime)
		now, _, err := s.memory()
		if err != nil {
			return err
		}
		b.results.add("memory, idle", "MB", float64(now)/1e6, 100)
		if err := s.stop(ctx); err != nil {
			return err
		}
	}
	return nil
}

// status measures job/get of jobs that run, while they stream and are followed.
func (b *bench) status(ctx context.Context, s *server) error {
	ids, err := b.workload.startStreams(ctx, s.client, streams, streamRate)
	if err != nil {
		return err
	}
	following, stop := context.WithCancel(ctx)
	defer stop()
	var followers sync.WaitGroup
	for _, id := range ids {
		subscription, err := s.client.Subscribe(ctx, id, nil)
		if err != nil {
			return err
		}
		followers.Go(func() {
			defer subscription.Close()
			for {
				if _, err := subscription.Next(following); err != nil {
					return // its time is over
				}
			}
		})
	}
	latencies, err := readStatus(ctx, s, ids)
	stop()
	followers.Wait()
	if err != nil {
		return err
	}
	b.results.add("status of running jobs: p50", "ms", milliseconds(quantile(latencies, 0.5)), 0)
	b.results.add("status of running jobs: p99", "ms", milliseconds(quantile(latencies, 0.99)), 10)
	b.results.add("status of running jobs: longest", "ms", milliseconds(quantile(latencies, 1)), 0)
	return b.end(ctx, s, ids)
}

func readStatus(ctx context.Context, s *server, ids []string) (latencies []time.Duration, err error) {
	var mu sync.Mutex
	var readers sync.WaitGroup
	var errs []error
	for range statusReaders {
		client, err := connect(ctx, s.home)
		if err != nil {
			return nil, err
		}
		readers.Go(func() {
			defer client.Close()
			for call := range statusCalls {
				asked := time.Now()
				_, err := client.Job(ctx, ids[call%len(ids)])
				took := time.Since(asked)
				mu.Lock()
				latencies, errs = append(latencies, took), append(errs, err)
				mu.Unlock()
			}
		})
	}
	readers.Wait()
	return latencies, errors.Join(errs...)
}

// flood measures how many rows are stored of workers that send as fast as they are taken.
func (b *bench) flood(ctx context.Context, s *server) error {
	rate, ids, err := b.rows(ctx, s, 0)
	if err != nil {
		return err
	}
	b.results.addAtLeast(fmt.Sprintf("metrics of %d workers, as fast as they are taken", streams), "rows/s", rate, 5000)
	return b.end(ctx, s, ids)
}

// offer measures the same of workers that send as fast as must be taken at least.
func (b *bench) offer(ctx context.Context, s *server) error {
	rate, ids, err := b.rows(ctx, s, offeredRate)
	if err != nil {
		return err
	}
	b.results.add(fmt.Sprintf("metrics of %d workers that send %d rows/s each", streams, offeredRate), "rows/s", rate, 0)
	return b.end(ctx, s, ids)
}

func (b *bench) rows(ctx context.Context, s *server, rate int) (perSecond float64, ids []string, err error) {
	if ids, err = b.workload.startStreams(ctx, s.client, streams, rate); err != nil {
		return 0, nil, err
	}
	first, began, err := sumOfSteps(ctx, s.client, ids)
	if err != nil {
		return 0, nil, err
	}
	time.Sleep(b.stretch)
	last, ended, err := sumOfSteps(ctx, s.client, ids)
	return float64(last-first) / ended.Sub(began).Seconds(), ids, err
}

func sumOfSteps(ctx context.Context, client *rpc.Client, ids []string) (sum int, at time.Time, err error) {
	steps, err := stepsOf(ctx, client, ids)
	for _, step := range steps {
		sum += step
	}
	return sum, time.Now(), err
}

// end ends jobs and notes how many rows they have stored.
func (b *bench) end(ctx context.Context, s *server, ids []string) error {
	if err := endAll(ctx, s.client, ids); err != nil {
		return err
	}
	sum, _, err := sumOfSteps(ctx, s.client, ids)
	b.stored += sum
	return err
}

// bigBurst measures bursts of creations where much is stored. What they leave waiting would run in the other measurements, so it
// comes last.
func (b *bench) bigBurst(ctx context.Context, s *server) error {
	progress("bursts with the big store")
	var paused protocol.QueueStatus
	if err := s.client.Call(ctx, protocol.MethodQueuePause, nil, &paused); err != nil {
		return err
	}
	for range b.rounds {
		latencies, whole, err := burst(ctx, s, b.workload, b.options)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("create, %d from %d connections, big store: ", b.submissions, b.connections)
		b.results.add(what+"p50", "ms", milliseconds(quantile(latencies, 0.5)), 0)
		b.results.add(what+"p99", "ms", milliseconds(quantile(latencies, 0.99)), 50)
		b.results.add(what+"longest", "ms", milliseconds(quantile(latencies, 1)), 0)
		b.results.add(what+"jobs a second", "/s", float64(b.submissions)/whole.Seconds(), 0)
	}
	return nil
}

// count holds the rows in the store against those that the daemon told of.
func (b *bench) count(ctx context.Context, database string) error {
	pool, err := sql.Open("sqlite3", "file:"+database+"?mode=ro")
	if err != nil {
		return err
	}
	defer pool.Close()
	var rows int
	err = pool.QueryRowContext(ctx, `SELECT count(*) FROM training_metrics WHERE job_id IN (SELECT id FROM jobs WHERE sequence > ?)`, b.jobs+1).Scan(&rows)
	if err != nil {
		return err
	}
	if rows != b.stored {
		return fmt.Errorf("the daemon told of %d rows of metrics, and %d are in the store", b.stored, rows)
	}
	b.results.Rows = rows
	return nil
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Sync(), target.Close())
}
