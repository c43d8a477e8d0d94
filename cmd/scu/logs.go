package main

import (
	"fmt"

	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

func newLogsCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "logs NAME",
		Short: "Print what a job had to say, the oldest line first",
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				logs, err := client.Logs(ctx, names[0])
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(append([]string{}, logs.Lines...)) // never null
				}
				for _, line := range logs.Lines {
					if _, err := fmt.Fprintln(c.stdout, line); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}
