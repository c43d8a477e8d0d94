package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/shannon-labs/scu/daemon"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/plan"
)

// trainingDevice is the kind of device that workers use.
const trainingDevice = "cpu"

// runDaemon makes this process the daemon of $SCU_HOME, until ctx ends or a client stops it.
func (c *console) runDaemon(ctx context.Context) error {
	home, err := rpc.Home()
	if err != nil {
		return err
	}
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's own file, to start workers from it: %w", err)
	}
	return daemon.Run(ctx, daemon.Options{
		Home:    home,
		Version: version,
		BuildID: buildID(),
		Planner: plan.Planner{Device: trainingDevice},
		Launcher: &supervise.Local{
			Command: []string{executable, "worker"},
			LogDir:  daemon.LogsDirectory(home),
		},
		Device: trainingDevice,
		Logger: slog.New(slog.NewTextHandler(c.stderr, nil)),
	})
}
