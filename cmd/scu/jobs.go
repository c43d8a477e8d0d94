package main

import (
	"context"
	"fmt"
	"text/tabwriter"
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
		Short: "List the jobs, the newest first",
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

// statusWord is a job's status, with its phase while it runs.
func statusWord(status *protocol.TrainingStatus) string {
	if status.Status == protocol.StatusRunning && status.Phase != "" {
		return fmt.Sprintf("%s, %s", status.Status, status.Phase)
	}
	return string(status.Status)
}

func (c *console) printJobs(jobs []protocol.TrainingStatus) error {
	if len(jobs) == 0 {
		c.note("no jobs; start one with: scu train")
		return nil
	}
	table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tSTATUS\tSTEP\tBITS/TOKEN\tS\tAGE\tJOB")
	for n := range jobs {
		state := progress.NewState(&protocol.Job{TrainingStatus: jobs[n]})
		bits, ratio := "–", "–"
		if m := state.Metrics; m != nil {
			bits, ratio = progress.Number(m.DataBPT, 3), progress.Number(m.SSmoothed, 4)
		}
		steps := state.Steps()
		if steps == "" {
			steps = "–"
		}
		age := progress.Elapsed(time.Since(jobs[n].CreatedAt))
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", state.Name, statusWord(&jobs[n]), steps, bits, ratio, age, jobs[n].JobID)
	}
	return table.Flush()
}
