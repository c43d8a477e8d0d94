package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/shannon-labs/scu/cmd/scu/internal/progress"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

// usageRuns is how many runs are listed unless another number is asked for.
const usageRuns = 20

func newUsageCommand(c *console) *cobra.Command {
	var since, until string
	var limit int
	command := &cobra.Command{
		Use:   "usage [--since 7d] [--until 1d]",
		Short: "Show what jobs have used: time on devices, steps, tokens, memory",
		Long: `Show what jobs have used, summed by owner, and below that run by run, the newest first. A job
has as many runs as it was started. A time is so long ago, such as 36h or 7d, or the
beginning of a day, such as 2026-11-30. Runs that overlap the time count whole.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if limit < 1 || limit > protocol.MaxListLimit {
				return usageErrorf("--limit is %d; it must be 1 to %d", limit, protocol.MaxListLimit)
			}
			params := protocol.UsageParams{Limit: limit}
			for _, end := range []struct {
				flag, text string
				to         **time.Time
			}{{"since", since, &params.Since}, {"until", until, &params.Until}} {
				if end.text == "" {
					continue
				}
				moment, err := parseMoment(end.flag, end.text, time.Now())
				if err != nil {
					return err
				}
				*end.to = &moment
			}
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				used, err := client.Usage(ctx, params)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(used)
				}
				return c.printUsage(used)
			})
		},
	}
	f := command.Flags()
	f.StringVar(&since, "since", "", "only runs that went on after this")
	f.StringVar(&until, "until", "", "only runs that began before this")
	f.IntVar(&limit, "limit", usageRuns, "how many runs to list; the sums are of all")
	return command
}

func (c *console) printUsage(used *protocol.UsageResult) error {
	if len(used.Totals) == 0 {
		c.note("no job has run in that time")
		return nil
	}
	all := 0
	table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "OWNER\tJOBS\tRUNS\tTIME\tSTEPS\tTOKENS")
	for _, t := range used.Totals {
		all += t.Runs
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%d\t%d\n", t.Owner, t.Jobs, t.Runs, seconds(t.Seconds), t.Steps, t.Tokens)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(c.stdout)
	fmt.Fprintln(table, "BEGAN\tJOB\tRUN\tOWNER\tDEVICE\tTIME\tSTEPS\tTOKENS\tPEAK MEMORY\tENDED AS")
	for _, r := range used.Runs {
		peak, outcome := "–", r.Outcome
		if r.PeakMemoryBytes > 0 {
			peak = progress.Bytes(r.PeakMemoryBytes)
		}
		if r.EndedAt == nil {
			outcome = "still running"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", r.BeganAt.Local().Format(time.DateTime), r.Name, r.Attempt,
			r.Owner, r.Device, seconds(r.Seconds), r.Steps, r.Tokens, peak, outcome)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if left := all - len(used.Runs); left > 0 {
		c.note("and %d earlier runs; --limit shows more", left)
	}
	return nil
}

// seconds writes a time that is given in seconds.
func seconds(s float64) string { return progress.Elapsed(time.Duration(s * float64(time.Second))) }
