package main

import (
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

func newRetryCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "retry NAME …",
		Short: "Queue failed or cancelled jobs again",
		Long: `Queue jobs that failed or were cancelled again, in the order given, each under its name and
with its settings.

A job that failed goes on from its last checkpoint and ends with the adapter that it would
have made without the failure. A cancelled job has no checkpoint and begins anew. A paused
job goes on with scu resume.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				retry := func(name string) (*protocol.TrainingStatus, error) { return client.Retry(ctx, name) }
				return eachInTurn(ctx, c, names, retry, c.tellQueued)
			})
		},
	}
}
