package main

import (
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

func newCancelCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "cancel NAME …",
		Short: "Stop jobs that are queued, running or paused, for good",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				cancel := func(name string) (*protocol.TrainingStatus, error) { return client.Cancel(ctx, name) }
				tell := func(status *protocol.TrainingStatus) { c.note("%s is %s", status.Name, status.Status) }
				return eachAtOnce(ctx, c, names, cancel, tell)
			})
		},
	}
}
