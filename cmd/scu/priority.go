package main

import (
	"regexp"
	"strconv"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

func newPriorityCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "priority NAME N",
		Short: "Give a job another priority, -100 to 100",
		Long: `Give a job that has not ended another priority, -100 to 100. Jobs of a higher priority start
first, and among equals the one that has waited longest; 0 is the usual one. A job that
waits long gains on the others (training.aging_interval), so that none waits for ever.
A running job is not interrupted.`,
		Example: `  scu priority urgent 10
  scu priority overnight -5`,
		DisableFlagParsing: true, // cobra would take -5 for a flag
		RunE: func(command *cobra.Command, arguments []string) error {
			words, err := parseWithNumbers(command, arguments)
			if err != nil || words == nil {
				return err
			}
			if len(words) != 2 {
				return usageErrorf("priority takes a job and a priority: scu priority NAME N")
			}
			name := words[0]
			priority, err := strconv.Atoi(words[1])
			if err != nil {
				return usageErrorf("the priority %q is not a whole number", words[1])
			}
			if refused := protocol.ValidatePriority(priority); refused != nil {
				return usageErrorf("%s; %s", refused.Message, refused.Hint)
			}
			ctx := command.Context()
			return c.withClient(ctx, func(client *rpc.Client) error {
				status, err := client.SetPriority(ctx, name, priority)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(status)
				}
				c.note("%s has the priority %d", status.Name, status.Priority)
				return nil
			})
		},
	}
}

var negativeNumber = regexp.MustCompile(`^-[0-9]+$`)

// parseWithNumbers parses the flags of a command that has DisableFlagParsing set and returns its other words, among which
// negative numbers may be. When help was asked for it prints that and returns nil.
func parseWithNumbers(command *cobra.Command, arguments []string) ([]string, error) {
	var rest, numbers []string
	for _, argument := range arguments {
		if negativeNumber.MatchString(argument) {
			numbers = append(numbers, argument)
		} else {
			rest = append(rest, argument)
		}
	}
	command.DisableFlagParsing = false
	if err := command.ParseFlags(rest); err != nil {
		return nil, usageErrorf("%v", err)
	}
	if help, err := command.Flags().GetBool("help"); err != nil || help {
		return nil, command.Help()
	}
	return append(append([]string{}, command.Flags().Args()...), numbers...), nil
}
