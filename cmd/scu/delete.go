package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/shannon-labs/scu/cmd/scu/internal/progress"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

// deleteFlags are the flags of `scu delete` as given.
type deleteFlags struct {
	withAdapter bool
	adapter     bool
	yes         bool
}

func newDeleteCommand(c *console) *cobra.Command {
	var flags deleteFlags
	command := &cobra.Command{
		Use:   "delete NAME … [--with-adapter | --adapter]",
		Short: "Remove jobs that have ended, or adapters",
		Long: `Remove jobs that have ended, with their metrics, events, logs and checkpoints. A job that has
made an adapter is refused, unless --with-adapter removes both, or --adapter removes the
adapter alone and leaves the job. What is removed cannot be brought back, so on a terminal
you are asked first.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				if !flags.yes {
					if err := c.confirm(ctx, flags.question(names)); err != nil {
						return err
					}
				}
				return eachInTurn(ctx, c, names, flags.deletion(ctx, client), c.tellDeleted)
			})
		},
	}
	f := command.Flags()
	f.BoolVar(&flags.withAdapter, "with-adapter", false, "remove the jobs' adapters too")
	f.BoolVar(&flags.adapter, "adapter", false, "remove adapters only, named by their own or their jobs' names")
	f.BoolVarP(&flags.yes, "yes", "y", false, "do not ask")
	command.MarkFlagsMutuallyExclusive("with-adapter", "adapter")
	return command
}

func (f *deleteFlags) question(names []string) string {
	what := map[bool]string{false: "job", true: "adapter"}[f.adapter]
	question := fmt.Sprintf("delete the %s %s", what, names[0])
	if len(names) > 1 {
		question = fmt.Sprintf("delete %d %ss: %s", len(names), what, strings.Join(names, ", "))
	}
	if f.withAdapter {
		question += ", and what was trained"
	}
	return question + "?"
}

func (f *deleteFlags) deletion(ctx context.Context, client *rpc.Client) func(string) (*deleted, error) {
	return func(name string) (*deleted, error) {
		var result *protocol.DeleteResult
		var err error
		if f.adapter {
			result, err = client.DeleteAdapter(ctx, name)
		} else {
			result, err = client.DeleteJob(ctx, name, f.withAdapter)
		}
		if err != nil {
			return nil, err
		}
		return &deleted{DeleteResult: *result, name: name}, nil
	}
}

// deleted is what was removed, under the name by which it was asked for.
type deleted struct {
	protocol.DeleteResult
	name string
}

func (c *console) tellDeleted(d *deleted) {
	c.note("%s is deleted, %s freed", d.name, progress.Bytes(d.FreedBytes))
}
