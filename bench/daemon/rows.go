package main

import (
	"context"
	"fmt"
	"time"

	"github.com/shannon-labs/scu/rpc"
)

// offeredRate is how many rows a second each stream sends, for the rate that must be sustained.
const offeredRate = 500

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
