package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/shannon-labs/scu/daemon"
	"github.com/shannon-labs/scu/daemon/config"
	"github.com/shannon-labs/scu/daemon/device"
	"github.com/shannon-labs/scu/daemon/schedule"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/trainer/plan"
)

// The roles that this program takes besides the driver's, named by its first argument.
const (
	roleDaemon = "daemon"
	roleWorker = "worker"
)

// takeRole runs a role other than the driver's, and reports whether it was asked for one.
func takeRole(arguments []string) bool {
	switch {
	case len(arguments) == 3 && arguments[0] == roleDaemon:
		if err := runDaemon(arguments[1], arguments[2]); err != nil {
			fmt.Fprintln(os.Stderr, "bench daemon:", err)
			os.Exit(1)
		}
	case len(arguments) == 1 && arguments[0] == roleWorker:
		if err := runWorker(); err != nil {
			fmt.Fprintln(os.Stderr, "bench worker:", err)
			os.Exit(1)
		}
	default:
		return false
	}
	return true
}

// enoughMemory is that of a device on which every job fits.
const enoughMemory = 1 << 50

// runDaemon is the real daemon, of which so many jobs run at once on one device.
func runDaemon(home, concurrent string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	settings, err := config.Load(home, nil)
	if err != nil {
		return err
	}
	if settings.Training.MaxConcurrentJobs, err = strconv.Atoi(concurrent); err != nil {
		return err
	}
	settings.Training.MaxQueuedJobs = 0
	settings.Storage.MinFree = 1 << 20
	return daemon.Run(ctx, daemon.Options{
		Home: home, Version: "bench", BuildID: "bench", Planner: plan.NewPlanner(), Config: settings,
		Devices:  []schedule.Device{{Name: device.CPU, Kind: device.CPU, Memory: enoughMemory}},
		Launcher: &supervise.Local{Command: []string{executable, roleWorker}, LogDir: daemon.LogsDirectory(home), LocksDir: daemon.LocksDirectory(home)},
		Logger:   slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}
