package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/shannon-labs/scu/cmd/scu/internal/progress"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

func newJobsCommand(c *console) *cobra.Command {
	var status string
	var limit int
	command := &cobra.Command{
		Use:   "jobs [--status S]",
		Short: "List the jobs, the newest first, and why those wait that do",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			filter := protocol.ListParams{Status: protocol.Status(status)}
			if refused := filter.Validate(); refused != nil {
				return usageErrorf("--%s; %s", refused.Message, refused.Hint)
			}
			if limit < 0 {
				return usageErrorf("--limit is %d; it must be at least 0", limit)
			}
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				jobs, err := listJobs(ctx, client, filter, limit)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(jobs)
				}
				return c.printJobs(jobs)
			})
		},
	}
	command.Flags().StringVar(&status, "status", "", "only jobs of this status: queued, running, paused, completed, failed or cancelled")
	command.Flags().IntVar(&limit, "limit", 0, "at most so many jobs; 0 means all")
	return command
}

// listJobs asks for page after page until it has limit jobs, or all of them when limit is 0.
func listJobs(ctx context.Context, client *rpc.Client, filter protocol.ListParams, limit int) ([]protocol.TrainingStatus, error) {
	jobs := []protocol.TrainingStatus{} // never null in JSON
	for {
		filter.Limit = protocol.MaxListLimit
		if limit > 0 {
			filter.Limit = min(filter.Limit, limit-len(jobs))
		}
		page, err := client.Jobs(ctx, filter)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, page.Jobs...)
		if page.NextCursor == "" || (limit > 0 && len(jobs) >= limit) {
			return jobs, nil
		}
		filter.Cursor = page.NextCursor
	}
}

// statusWord is a job's status, with its phase while it runs and its place while it is queued.
func statusWord(status *protocol.TrainingStatus) string {
	switch {
	case status.Status == protocol.StatusRunning && status.Phase != "":
		return fmt.Sprintf("%s, %s", status.Status, status.Phase)
	case status.Status == protocol.StatusQueued && status.QueuePosition != nil:
		return fmt.Sprintf("%s, number %d", status.Status, *status.QueuePosition)
	}
	return string(status.Status)
}

// jobColumns are what a list of jobs shows of each.
var jobColumns = []column[*progress.State]{
	{"NAME", func(s *progress.State) string { return s.Name }},
	{"STATUS", func(s *progress.State) string { return statusWord(&s.Status) }},
	{"STEP", (*progress.State).Steps},
	{"BITS/TOKEN", func(s *progress.State) string {
		if s.Metrics == nil {
			return ""
		}
		return progress.Number(s.Metrics.DataBPT, 3)
	}},
	{"S", func(s *progress.State) string {
		if s.Metrics == nil {
			return ""
		}
		return progress.Number(s.Metrics.SSmoothed, 4)
	}},
	{"DEVICE", func(s *progress.State) string { return s.Status.Device }},
	{"PRIORITY", func(s *progress.State) string { return unlessZero(s.Status.Priority) }},
	{"RUNS", func(s *progress.State) string { return unlessZero(s.Status.Attempts) }},
	{"AGE", func(s *progress.State) string { return progress.Elapsed(time.Since(s.Status.CreatedAt)) }},
	{"JOB", func(s *progress.State) string { return s.Status.JobID }},
	{"WAITS", (*progress.State).Waits},
}

func unlessZero(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func (c *console) printJobs(jobs []protocol.TrainingStatus) error {
	if len(jobs) == 0 {
		c.note("no jobs; start one with: scu train")
		return nil
	}
	states := make([]*progress.State, len(jobs))
	for n := range jobs {
		states[n] = progress.NewState(&protocol.Job{TrainingStatus: jobs[n]})
	}
	return writeTable(c.stdout, jobColumns, states)
}
