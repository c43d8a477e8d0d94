package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	statusReaders = 4
	statusCalls   = 500 // of each, a round
)

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
