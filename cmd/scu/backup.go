package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/shannon-labs/scu/cmd/scu/internal/progress"
	"github.com/shannon-labs/scu/daemon"
	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

// quietTime is how long a backup may take before its progress is shown.
const quietTime = time.Second

// backupReport is what `scu backup --json` prints.
type backupReport struct {
	Path      string `json:"path"`
	SizeBytes int64  `json:"size_bytes"`
}

func newBackupCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a copy of the job store to a file",
		Long: `Write a copy of the job store, as it stands at one moment, to FILE, which must not be there
yet. Jobs may run meanwhile, and no daemon is needed. The copy holds jobs, events, metrics
and what is known of adapters; the adapters' and checkpoints' own files, in the home, it does
not hold.

To go back to a copy: scu daemon stop --now, put it in the place of $SCU_HOME/scu.db, and
remove scu.db-wal and scu.db-shm beside it. What later jobs have made stays in its
directories, but is not listed.`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, arguments []string) error {
			home, err := rpc.Home()
			if err != nil {
				return err
			}
			target, err := absolutePath(arguments[0])
			if err != nil {
				return err
			}
			report, err := c.backUp(command.Context(), daemon.StorePath(home), target)
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(report)
			}
			c.note("%s holds the job store, %s", report.Path, progress.Bytes(report.SizeBytes))
			return nil
		},
	}
}

func (c *console) backUp(ctx context.Context, path, target string) (*backupReport, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, protocol.NewError(protocol.CodeNotFound, "there is no job store at %s", path).
			WithHint("the daemon makes it; if your jobs are in another home, set SCU_HOME")
	}
	meter := &backupMeter{console: c, began: time.Now()}
	err := store.BackupFile(ctx, path, target, meter.show)
	meter.end()
	if err != nil {
		return nil, explainBackup(err, target)
	}
	info, err := os.Stat(target)
	if err != nil {
		return nil, fmt.Errorf("look at the copy: %w", err)
	}
	return &backupReport{Path: target, SizeBytes: info.Size()}, nil
}

// explainBackup says what to do about the usual failures.
func explainBackup(err error, target string) error {
	switch {
	case errors.Is(err, fs.ErrExist):
		return protocol.NewError(protocol.CodeConflict, "%s is there already, and nothing was written", target).WithHint("name another file, or remove that one")
	case errors.Is(err, store.ErrDiskFull):
		return protocol.NewError(protocol.CodeOutOfDisk, "%v", err).WithHint("make room, or name a file on another disk")
	}
	return err
}

// backupMeter shows on a terminal how far a backup has come, once it has taken a while.
type backupMeter struct {
	*console
	began time.Time
	drawn bool
}

func (m *backupMeter) show(done, total int64) {
	if m.terminal == nil || total <= 0 || time.Since(m.began) < quietTime {
		return
	}
	fmt.Fprintf(m.terminal, "\r%s %s of about %s ", progress.Bar(float64(done)/float64(total), 2*shareWidth), progress.Bytes(done), progress.Bytes(total))
	m.drawn = true
}

func (m *backupMeter) end() {
	if m.drawn {
		fmt.Fprintln(m.terminal)
	}
}
