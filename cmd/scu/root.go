package main

import (
	"context"

	"github.com/spf13/cobra"
)

// run carries out one command line and returns the exit status.
func run(ctx context.Context, c *console, arguments []string) int {
	root := newRootCommand(c)
	root.SetArgs(arguments)
	root.SetIn(c.stdin)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	begun := false
	markBegun(root, &begun)
	err := root.ExecuteContext(ctx)
	if err != nil && !begun {
		// Whatever cobra refuses before a verb begins is about flags and arguments.
		err = &usageError{message: err.Error()}
	}
	return c.report(ctx, err, arguments)
}

// newRootCommand puts the verbs together.
func newRootCommand(c *console) *cobra.Command {
	root := &cobra.Command{
		Use:           "scu",
		Short:         "Fine-tune a causal language model with LoRA under the Shannon Control Unit",
		SilenceErrors: true, // report prints them
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().BoolVar(&c.json, "json", false, "print JSON on standard output")
	root.AddCommand(
		newDemoCommand(c),
		newSetupCommand(c),
		newTrainCommand(c),
		newStatusCommand(c),
		newJobsCommand(c),
		newWatchCommand(c),
		newPauseCommand(c),
		newResumeCommand(c),
		newCancelCommand(c),
		newRetryCommand(c),
		newPriorityCommand(c),
		newDeleteCommand(c),
		newLogsCommand(c),
		newMetricsCommand(c),
		newEventsCommand(c),
		newAdaptersCommand(c),
		newDownloadCommand(c),
		newEvalCommand(c),
		newTokenizeCommand(c),
		newQueueCommand(c),
		newDevicesCommand(c),
		newUsageCommand(c),
		newDaemonCommand(c),
		newConfigCommand(c),
		newWorkerCommand(),
		newBackupCommand(c),
		newDoctorCommand(c),
		newVersionCommand(c),
	)
	return root
}

// markBegun lets begun tell whether a verb's own code was reached, for every verb of the tree.
func markBegun(command *cobra.Command, begun *bool) {
	if inner := command.RunE; inner != nil {
		command.RunE = func(command *cobra.Command, arguments []string) error {
			*begun = true
			return inner(command, arguments)
		}
	}
	for _, child := range command.Commands() {
		markBegun(child, begun)
	}
}
