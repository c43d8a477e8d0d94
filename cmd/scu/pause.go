package main

import (
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

func newPauseCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "pause NAME …",
		Short: "Make jobs wait, to go on later where they are",
		Long: `Pause jobs that are queued or running. A running one writes a checkpoint first, and this
command returns when it has, so that its device and its memory are free. A paused job
keeps its name and goes on with scu resume; scu cancel ends it for good.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				pause := func(name string) (*protocol.TrainingStatus, error) { return client.Pause(ctx, name) }
				return eachAtOnce(ctx, c, names, pause, c.tellPaused)
			})
		},
	}
}

func (c *console) tellPaused(status *protocol.TrainingStatus) {
	switch {
	case status.Status != protocol.StatusPaused: // it was faster
		c.note("%s is %s", status.Name, status.Status)
	case status.ResumableFrom != nil:
		c.note("%s is paused at step %d; it goes on with: scu resume %s", status.Name, *status.ResumableFrom, status.Name)
	case status.Step > 0:
		c.note("%s is paused, and has no checkpoint; it begins anew with: scu resume %s", status.Name, status.Name)
	default:
		c.note("%s is paused; it goes on with: scu resume %s", status.Name, status.Name)
	}
}
