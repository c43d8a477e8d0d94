package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/shannon-labs/scu/bench/soak/powercut"
	"github.com/shannon-labs/scu/daemon"
	"github.com/shannon-labs/scu/daemon/config"
	"github.com/shannon-labs/scu/daemon/device"
	"github.com/shannon-labs/scu/daemon/schedule"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/plan"
)

// Memory of the devices, which are as little there as the training. With two or three jobs of the scripts' sizes one is full.
const deviceMemory = 1000

const maxConcurrentJobs = 5

// runDaemon is the whole life of a daemon process: the real daemon, with a planner that reads scripts, workers that
// pretend, and times that are short enough to be waited for.
func runDaemon(home string) error {
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
	settings.Storage.MinFree = 1 << 20
	settings.Training.MaxConcurrentJobs = maxConcurrentJobs
	settings.Training.MaxRetries = 50 // so that a job fails for what its script says, and not for the driver's kills
	settings.Training.RetryBackoff, settings.Training.RetryBackoffMax = 10*time.Millisecond, 100*time.Millisecond
	settings.Training.WorkerSilence = 2 * time.Second
	settings.Training.PauseGrace, settings.Training.CancelGrace = time.Second, time.Second
	return daemon.Run(ctx, daemon.Options{
		Home: home, Version: "soak", BuildID: "soak", Planner: planner{}, Config: settings,
		Devices: []schedule.Device{
			{Name: "cpu", Kind: device.CPU, Memory: deviceMemory},
			{Name: "cuda:0", Kind: device.CUDA, Memory: deviceMemory},
			{Name: "cuda:1", Kind: device.CUDA, Memory: deviceMemory},
		},
		Launcher: &supervise.Local{
			Command: []string{executable, roleWorker}, LogDir: daemon.LogsDirectory(home), LocksDir: daemon.LocksDirectory(home),
			Env: append(powercut.Unwatched(), "GORACE=atexit_sleep_ms=0"), // the race detector would make each worker a second slower
		},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
}

// planner takes every job whose script can be read.
type planner struct{}

func (planner) Prepare(_ context.Context, _ string, spec protocol.JobSpec, _ string) (*plan.Prepared, *protocol.Error) {
	s, err := readScript(spec.TrainData)
	if err != nil {
		return nil, protocol.NewError(protocol.CodeDatasetInvalid, "%v", err)
	}
	return &plan.Prepared{
		ModelPath: "/models/" + spec.BaseModel, Config: protocol.SCUConfig{LoraR: 8, GradAccum: 1, TargetModules: []string{"q_proj"}},
		Reasons: map[string]string{}, MemoryBytes: s.MemoryBytes, Parameters: 1_000_000,
	}, nil
}

func (planner) Estimate(context.Context, string, protocol.JobSpec, string) (*protocol.Plan, *protocol.Error) {
	return nil, protocol.NewError(protocol.CodeInvalidConfig, "the soak makes no dry runs")
}

// The roles that this program takes besides the driver's, named by its first argument.
const (
	roleDaemon = "daemon"
	roleWorker = "worker"
)

// takeRole runs a role other than the driver's, and reports whether it was asked for one.
func takeRole(arguments []string) bool {
	switch {
	case len(arguments) == 2 && arguments[0] == roleDaemon:
		if err := runDaemon(arguments[1]); err != nil {
			fmt.Fprintln(os.Stderr, "soak daemon:", err)
			os.Exit(1)
		}
	case len(arguments) == 1 && arguments[0] == roleWorker:
		runWorker()
	default:
		return false
	}
	return true
}
