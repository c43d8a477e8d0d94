package main

import (
	"github.com/shannon-labs/scu/cmd/scu/internal/progress"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

func newResumeCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "resume NAME …",
		Short: "Let paused jobs go on",
		Long: `Queue paused jobs again, in the order given. Each goes on from its last checkpoint when its
turn comes, and ends with the adapter that it would have made without the pause.

A job that failed or was cancelled goes on with scu retry. If it is the whole queue that is
paused, it goes on with scu queue resume.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				resume := func(name string) (*protocol.TrainingStatus, error) { return client.Resume(ctx, name) }
				return eachInTurn(ctx, c, names, resume, c.tellQueued)
			})
		},
	}
}

// tellQueued says that a job waits for its turn again, and what it waits for beside that.
func (c *console) tellQueued(status *protocol.TrainingStatus) {
	why := progress.NewState(&protocol.Job{TrainingStatus: *status}).Waits()
	if why != "" {
		why = ", and " + why
	}
	c.note("%s is %s%s\nfollow it with: scu watch %s", status.Name, status.Status, why, status.Name)
}
