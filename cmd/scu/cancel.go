package main

import (
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

func newCancelCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "cancel NAME",
		Short: "Stop a job that is queued or running",
		Args:  cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				status, err := client.Cancel(ctx, names[0])
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(status)
				}
				if !status.Status.Final() {
					c.note("%s is asked to stop; it is %s now", status.Name, status.Status)
					return nil
				}
				c.note("%s is %s", status.Name, status.Status)
				return nil
			})
		},
	}
}
