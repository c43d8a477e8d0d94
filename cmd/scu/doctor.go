package main

import (
	"errors"
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
	var database bool
	command := &cobra.Command{
		Use:   "doctor [--db]",
		Short: "Say what is installed, what is missing, and what mends it",
		Long: `Look at everything that a job needs and say for each thing that is missing the one command
that mends it. Nothing is changed and no daemon is started. The exit status is 1 when
something that is needed is missing.

With --db, check the job store instead: every page, every reference, and whether what it says
of each job fits together. It may be used while a daemon runs, and takes a minute for some
gigabytes. The exit status is 1 when anything is wrong.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			home, err := rpc.Home()
			if err != nil {
				return err
			}
			var findings []finding
			if database {
				findings, err = examineStore(command.Context(), home)
			} else {
				findings = c.examine(command.Context(), home)
			}
			if err := errors.Join(err, command.Context().Err()); err != nil {
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
	command.Flags().BoolVar(&database, "db", false, "check the job store")
	return command
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
