package main

import (
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

func newRetryCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "retry NAME",
		Short: "Queue a failed or cancelled job again",
		Long: `Queue a failed or cancelled job again, under its name and with its settings.

A job that failed goes on from its last checkpoint and ends with the adapter that it would
have made without the failure. A cancelled job has no checkpoint and begins anew.`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				status, err := client.Retry(ctx, names[0])
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(status)
				}
				c.note("%s is %s; follow it with: scu watch %s", status.Name, status.Status, status.Name)
				return nil
			})
		},
	}
}
