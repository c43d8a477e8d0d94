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

func newAdaptersCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "adapters",
		Short: "List the finished adapters, the newest first",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				list, err := client.Adapters(ctx)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(append([]protocol.AdapterArtifact{}, list.Adapters...)) // never null
				}
				return c.printAdapters(list.Adapters)
			})
		},
	}
}

func (c *console) printAdapters(adapters []protocol.AdapterArtifact) error {
	if len(adapters) == 0 {
		c.note("no adapters; train one with: scu train")
		return nil
	}
	table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tBASE MODEL\tHELD-OUT\tSIZE\tAGE\tDIRECTORY")
	for n := range adapters {
		a := &adapters[n]
		heldOut := "–"
		if a.Metrics.ValDataBPT != nil {
			heldOut = progress.Number(*a.Metrics.ValDataBPT, 4)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", a.Name, a.BaseModel, heldOut, progress.Bytes(a.SizeBytes), progress.Elapsed(time.Since(a.CreatedAt)), a.LocalPath)
	}
	return table.Flush()
}
