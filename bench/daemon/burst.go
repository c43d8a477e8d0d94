package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// burst submits jobs from many connections at once and returns how long each took to be acknowledged, and all together.
// Each must be there afterwards.
func burst(ctx context.Context, s *server, w *workload, o *options) (latencies []time.Duration, whole time.Duration, err error) {
	clients := make([]*rpc.Client, o.connections)
	for i := range clients {
		if clients[i], err = connect(ctx, s.home); err != nil {
			return nil, 0, err
		}
		defer clients[i].Close()
	}
	specs := make(chan protocol.JobSpec, o.submissions)
	for range o.submissions {
		specs <- w.job(1, 1)
	}
	close(specs)
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	var errs []error
	var submitters sync.WaitGroup
	began := time.Now()
	for _, client := range clients {
		submitters.Go(func() {
			for spec := range specs {
				asked := time.Now()
				job, err := client.CreateJob(ctx, spec)
				took := time.Since(asked)
				mu.Lock()
				if err != nil {
					errs = append(errs, err)
				} else {
					latencies = append(latencies, took)
					acknowledged[job.JobID] = true
				}
				mu.Unlock()
			}
		})
	}
	submitters.Wait()
	whole = time.Since(began)
	if len(errs) > 0 {
		return nil, 0, fmt.Errorf("%d of %d submissions were refused: %w", len(errs), o.submissions, errors.Join(errs[0]))
	}
	return latencies, whole, requireAll(ctx, s.client, acknowledged, o.submissions)
}

// requireAll fails where an acknowledged job is not listed.
func requireAll(ctx context.Context, client *rpc.Client, acknowledged map[string]bool, submissions int) error {
	if len(acknowledged) != submissions {
		return fmt.Errorf("%d submissions made %d jobs", submissions, len(acknowledged))
	}
	left := len(acknowledged)
	for cursor := ""; left > 0; {
		page, err := client.Jobs(ctx, protocol.ListParams{Limit: protocol.MaxListLimit, Cursor: cursor})
		if err != nil {
			return err
		}
		for _, job := range page.Jobs {
			if acknowledged[job.JobID] {
				left--
			}
		}
		if cursor = page.NextCursor; cursor == "" && left > 0 {
			return fmt.Errorf("%d of %d acknowledged jobs are not there", left, submissions)
		}
	}
	return nil
}

// quantile is the smallest of the values that at least a share of them does not exceed.
func quantile(values []time.Duration, share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, min(len(sorted)-1, int(share*float64(len(sorted))+0.999999)-1))]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
