package main

import (
	"fmt"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

// finding is one thing that `scu doctor` has looked at. A finding that is ok may still have a fix: then something
// would be better, but nothing that a job needs is missing.
type finding struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"` // a command, or else a sentence
}

func newDoctorCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what is installed, what is missing, and what mends it",
		Long: `Look at everything that a job needs and say for each thing that is missing the one command
that mends it. Nothing is changed and no daemon is started. The exit status is 1 when
something that is needed is missing.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			home, err := rpc.Home()
			if err != nil {
				return err
			}
			findings := c.examine(command.Context(), home)
			if err := command.Context().Err(); err != nil {
				return err
			}
			if c.json {
				err = c.printJSON(findings)
			} else {
				err = c.printFindings(findings)
			}
			if err != nil {
				return err
			}
			return asPrinted(diagnosis(findings))
		},
	}
}

// diagnosis is nil when nothing that is needed is missing.
func diagnosis(findings []finding) error {
	bad := 0
	for _, f := range findings {
		if !f.OK {
			bad++
		}
	}
	if bad == 0 {
		return nil
	}
	return protocol.NewError(protocol.CodeInternal, "%d of %d things need mending", bad, len(findings)).
		WithHint("follow the fixes above from the top")
}

func (c *console) printFindings(findings []finding) error {
	for _, f := range findings {
		mark := "ok  "
		switch {
		case !f.OK:
			mark = "BAD "
		case f.Fix != "":
			mark = "note"
		}
		if _, err := fmt.Fprintf(c.stdout, "%s  %-10s  %s\n", mark, f.Name, f.Detail); err != nil {
			return err
		}
		if f.Fix == "" {
			continue
		}
		if _, err := fmt.Fprintf(c.stdout, "      %-10s  fix: %s\n", "", f.Fix); err != nil {
			return err
		}
	}
	return nil
}
