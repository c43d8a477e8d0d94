package main

import (
	"fmt"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

func newDownloadCommand(c *console) *cobra.Command {
	var output string
	var force bool
	command := &cobra.Command{
		Use:   "download NAME --output DIR",
		Short: "Copy a finished adapter, in PEFT's layout, to a directory",
		Long: `Copy the files of a finished adapter to DIR, which is made if need be. NAME is the adapter's
or its job's name or id. A directory that holds anything is refused; with --force the adapter's
files are written into it, over files of the same names, and whatever else it holds is left.`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			if output == "" {
				return usageErrorf("--output is missing; name the directory to copy to")
			}
			directory, err := absolutePath(output)
			if err != nil {
				return err
			}
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				adapter, err := client.Adapter(ctx, names[0])
				if err != nil {
					return err
				}
				if err := copyAdapter(ctx, adapter, directory, force); err != nil {
					return err
				}
				return c.printDownload(adapter, directory)
			})
		},
	}
	command.Flags().StringVar(&output, "output", "", "the directory to copy to (required)")
	command.Flags().BoolVar(&force, "force", false, "write into a directory that holds other files")
	return command
}

// printDownload prints the adapter as it stands in its new place.
func (c *console) printDownload(adapter *protocol.AdapterArtifact, directory string) error {
	copied := *adapter
	copied.LocalPath = directory
	if c.json {
		return c.printJSON(copied)
	}
	_, err := fmt.Fprintln(c.stdout, directory)
	return err
}
