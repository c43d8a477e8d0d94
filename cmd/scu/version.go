package main

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/spf13/cobra"
)

// version is set at build time with -ldflags "-X main.version=…".
var version = "0.1.0-dev"

// versionReport is what `scu version --json` prints.
type versionReport struct {
	Version  string `json:"version"`
	BuildID  string `json:"build_id"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersionCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version and the build",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			report := versionReport{version, buildID(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			if c.json {
				return c.printJSON(report)
			}
			_, err := fmt.Fprintf(c.stdout, "scu %s\nbuild     %s\ngo        %s\nplatform  %s\n", report.Version, report.BuildID, report.Go, report.Platform)
			return err
		},
	}
}

// buildID names this build, so that a client can notice a daemon that is of another: the commit when the executable was
// built from a clean one, else a hash of the identifier that Go's linker put into it, which changes with every input.
var buildID = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		settings := map[string]string{}
		for _, setting := range info.Settings {
			settings[setting.Key] = setting.Value
		}
		if revision := settings["vcs.revision"]; len(revision) >= 12 && settings["vcs.modified"] == "false" {
			return revision[:12]
		}
	}
	identifier, err := linkerBuildID()
	if err != nil {
		return "unknown"
	}
	sum := sha256.Sum256(identifier)
	return "dirty-" + hex.EncodeToString(sum[:6])
})

// linkerBuildID reads the note that Go's linker leaves in an ELF executable; hashing the whole file instead would take
// a good part of the time of a short command.
func linkerBuildID() ([]byte, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	file, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	defer file.Close()
	section := file.Section(".note.go.buildid")
	if section == nil {
		return nil, fmt.Errorf("%s has no Go build identifier", path)
	}
	return section.Data()
}
