package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

const (
	streams    = 10 // jobs that run and stream
	streamRate = 20 // rows a second of each while status is read
	idleTime   = 2 * time.Second
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
