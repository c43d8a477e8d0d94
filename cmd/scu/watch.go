package main

import (
	"context"
	"errors"
	"sync"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

func newWatchCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "watch [NAME …]",
		Short: "Follow jobs until they are done",
		Long: `Follow the named jobs, or without names every job that is queued, running or paused, until
all of them are done. One that is paused, or waits to be tried again after a crash, says so
and is waited for. Ctrl-C ends only this command; the jobs go on.

The exit status is 0 when all completed, 1 when one failed, 130 when one was cancelled.
With --json the final status of every job is printed at the end.`,
		RunE: func(command *cobra.Command, names []string) error {
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				if len(names) == 0 {
					var err error
					if names, err = livingJobs(ctx, client); err != nil {
						return err
					}
					if len(names) == 0 {
						c.note("no job is queued, running or paused; start one with: scu train")
					}
				}
				return c.watch(ctx, client, names)
			})
		},
	}
}

// livingJobs are the ids of the jobs that are not final, the oldest first.
func livingJobs(ctx context.Context, client *rpc.Client) ([]string, error) {
	var ids []string
	for _, status := range []protocol.Status{protocol.StatusRunning, protocol.StatusPaused, protocol.StatusQueued} {
		jobs, err := listJobs(ctx, client, protocol.ListParams{Status: status}, 0)
		if err != nil {
			return nil, err
		}
		for n := len(jobs) - 1; n >= 0; n-- {
			ids = append(ids, jobs[n].JobID)
		}
	}
	return ids, nil
}

// watch follows all the jobs at the same time.
func (c *console) watch(ctx context.Context, client *rpc.Client, names []string) error {
	view := c.newView(len(names) > 1)
	finished := make([]*protocol.Job, len(names))
	failures := make([]error, len(names))
	var all sync.WaitGroup
	for n, name := range names {
		all.Go(func() { finished[n], failures[n] = followJob(ctx, client, name, view) })
	}
	all.Wait()
	view.Close()
	if ctx.Err() != nil {
		c.note("the jobs go on; see them again with: scu watch")
	}
	if err := firstError(failures); err != nil {
		return err
	}
	statuses := make([]protocol.TrainingStatus, len(finished))
	outcomes := make([]error, len(finished))
	for n, job := range finished {
		statuses[n], outcomes[n] = job.TrainingStatus, outcome(&job.TrainingStatus)
		c.printSummary(job)
	}
	err := worstOutcome(outcomes)
	if !c.json {
		return err
	}
	if printing := c.printJSON(statuses); printing != nil {
		return printing
	}
	return asPrinted(err)
}

func firstError(all []error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// worstOutcome is the first failure, else the first cancellation, else nil.
func worstOutcome(outcomes []error) error {
	for _, err := range outcomes {
		var told *protocol.Error
		if errors.As(err, &told) && told.Code != protocol.CodeCancelled {
			return err
		}
	}
	return firstError(outcomes)
}
