package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/shannon-labs/scu/cmd/scu/internal/progress"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

func newEventsCommand(c *console) *cobra.Command {
	var follow bool
	var after int64
	command := &cobra.Command{
		Use:   "events NAME [--follow]",
		Short: "Print everything that happened to a job",
		Long: `Print the events of a job in order, one a line; with --json each line is a JSON object.
With --follow go on until the job is done. Each event has a cursor that counts from 1, and
--after takes up where an earlier call ended.`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			if after < 0 {
				return usageErrorf("--after is %d; it must be at least 0", after)
			}
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				job, err := client.Job(ctx, names[0])
				if err != nil {
					return err
				}
				printer := &eventPrinter{console: c, state: progress.NewState(job)}
				if follow {
					return streamEvents(ctx, client, job.JobID, &after, nil, printer.print)
				}
				return pastEvents(ctx, client, job.JobID, after, printer)
			})
		},
	}
	command.Flags().BoolVar(&follow, "follow", false, "go on until the job is done")
	command.Flags().Int64Var(&after, "after", 0, "only events after this cursor")
	return command
}

// pastEvents prints page after page of what has happened.
func pastEvents(ctx context.Context, client *rpc.Client, id string, after int64, printer *eventPrinter) error {
	for {
		page, err := client.Events(ctx, protocol.EventsParams{ID: id, After: after})
		if err != nil {
			return err
		}
		for _, event := range page.Events {
			if err := printer.print(event); err != nil {
				return err
			}
		}
		if len(page.Events) == 0 {
			return nil
		}
		after = page.Cursor
	}
}

// eventPrinter writes events to standard output.
type eventPrinter struct {
	*console
	state *progress.State
}

func (p *eventPrinter) print(event protocol.JobEvent) error {
	if p.json {
		return json.NewEncoder(p.stdout).Encode(event)
	}
	p.state.Apply(event)
	_, err := fmt.Fprintf(p.stdout, "%6d  %s  %-8s %s\n", event.Cursor, event.CreatedAt.Local().Format(time.TimeOnly), event.Type, progress.Describe(p.state, event))
	return err
}
