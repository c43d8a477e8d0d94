package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/shannon-labs/scu/daemon/config"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

func newConfigCommand(c *console) *cobra.Command {
	command := &cobra.Command{
		Use:   "config",
		Short: "Show and check the settings of config.yaml",
		Args:  cobra.NoArgs,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(newConfigShowCommand(c), newConfigCheckCommand(c))
	return command
}

func newConfigShowCommand(c *console) *cobra.Command {
	var example bool
	command := &cobra.Command{
		Use:   "show [--default]",
		Short: "Show every setting and where its value comes from",
		Long: `Show every setting, its value and where that comes from: the default, a line of
$SCU_HOME/config.yaml, or an environment variable. While a daemon runs these are the
values that it runs with, and the variables those that it was started with.

With --default, print a config.yaml that explains every setting, to begin one with:
    scu config show --default > ~/.scu/config.yaml`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if example {
				return c.printExample()
			}
			shown, err := c.configInUse(command.Context())
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(shown)
			}
			return c.printConfig(shown)
		},
	}
	command.Flags().BoolVar(&example, "default", false, "print a file with the defaults, commented")
	return command
}

func newConfigCheckCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: "Look for errors in a configuration; exit 1 when there are any",
		Long: `Look for errors in $SCU_HOME/config.yaml, or in FILE, and in SCU_* environment variables.
Nothing is changed, and no daemon is needed.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, arguments []string) error {
			checked, err := checkConfig(arguments)
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(configReport{File: checked.File, Warnings: append([]string{}, checked.Warnings...)})
			}
			for _, warning := range checked.Warnings {
				c.note("%s %s", c.paint(yellow, "warning:"), warning)
			}
			c.note("%s has no errors", checked.File)
			return nil
		},
	}
}

// configReport is what `scu config check --json` prints of a file without errors.
type configReport struct {
	File     string   `json:"file"`
	Warnings []string `json:"warnings"`
}

func checkConfig(arguments []string) (*config.Config, error) {
	if len(arguments) == 1 {
		path, err := filepath.Abs(arguments[0])
		if err != nil {
			return nil, fmt.Errorf("make %s absolute: %w", arguments[0], err)
		}
		checked, err := config.LoadFile(path, os.Environ())
		return checked, explainConfig(err)
	}
	home, err := rpc.Home()
	if err != nil {
		return nil, err
	}
	return loadConfig(home)
}

// configInUse asks the daemon, or where none runs reads what one would run with.
func (c *console) configInUse(ctx context.Context) (*protocol.ConfigResult, error) {
	home, err := rpc.Home()
	if err != nil {
		return nil, err
	}
	client, err := c.connectIfRunning(ctx, home)
	if err != nil {
		return nil, err
	}
	if client != nil {
		defer client.Close()
		return client.Config(ctx)
	}
	settings, err := loadConfig(home)
	if err != nil {
		return nil, err
	}
	return &protocol.ConfigResult{File: settings.File, Values: settings.Values(nil)}, nil
}

func (c *console) printExample() error {
	if c.json {
		return usageErrorf("--default prints a file, which is not JSON: leave out --json")
	}
	_, err := fmt.Fprint(c.stdout, config.Example())
	return err
}

func (c *console) printConfig(shown *protocol.ConfigResult) error {
	table := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SETTING\tVALUE\tORIGIN")
	pending := false
	for _, v := range shown.Values {
		value := configText(v.Value)
		if v.Pending != nil {
			value += " → " + configText(v.Pending) + " *"
			pending = true
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", v.Key, value, v.Origin)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	c.note("file: %s", shown.File)
	if pending {
		c.note("* takes effect when the daemon is started again")
	}
	return nil
}

// configText is a value as the file has it. From the daemon, lists and numbers come as JSON has them.
func configText(value any) string {
	switch list := value.(type) {
	case []string:
		return "[" + strings.Join(list, ", ") + "]"
	case []any:
		texts := make([]string, len(list))
		for n, item := range list {
			texts[n] = fmt.Sprint(item)
		}
		return "[" + strings.Join(texts, ", ") + "]"
	case float64: // Sprint would write a large one with an exponent
		return fmt.Sprintf("%.0f", list)
	}
	return fmt.Sprint(value)
}
