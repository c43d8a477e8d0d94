package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"

	servicemanager "github.com/coreos/go-systemd/v22/daemon"

	"github.com/shannon-labs/scu/daemon"
	"github.com/shannon-labs/scu/daemon/config"
	"github.com/shannon-labs/scu/daemon/device"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/plan"
)

// runDaemon makes this process the daemon of $SCU_HOME, until ctx ends or a client stops it. Whoever manages it as a
// service is told when it is ready, when it reads its configuration again, and when it ends.
func (c *console) runDaemon(ctx context.Context, flags logFlags) (err error) {
	home, err := rpc.Home()
	if err != nil {
		return err
	}
	log, err := flags.open(c.stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	options, reloader, err := daemonOptions(ctx, home, log.Logger)
	if err != nil {
		return err
	}
	stopTelling := context.AfterFunc(ctx, func() { tellServiceManager(log.Logger, servicemanager.SdNotifyStopping) })
	defer stopTelling()
	defer reloader.watch(ctx)()
	return daemon.Run(ctx, options)
}

// daemonOptions reads the configuration and looks for the devices that it names.
func daemonOptions(ctx context.Context, home string, logger *slog.Logger) (daemon.Options, *reloader, error) {
	if err := rpc.EnsureHome(home); err != nil { // before anything there is believed
		return daemon.Options{}, nil, err
	}
	executable, err := os.Executable()
	if err != nil {
		return daemon.Options{}, nil, fmt.Errorf("find this program's own file, to start workers from it: %w", err)
	}
	settings, err := loadConfig(home)
	if err != nil {
		return daemon.Options{}, nil, err
	}
	for _, warning := range settings.Warnings {
		logger.Warn(warning)
	}
	devices, err := device.Find(ctx, wantedDevices(settings))
	if err != nil {
		return daemon.Options{}, nil, err
	}
	current := new(atomic.Pointer[config.Config])
	current.Store(settings)
	reloads := make(chan *config.Config)
	planner := plan.NewPlanner()
	planner.Hub = func() (endpoint, token string) {
		hub := current.Load().HuggingFace
		return hub.Endpoint, hub.Token.Reveal()
	}
	return daemon.Options{
		Home:    home,
		Version: version,
		BuildID: buildID(),
		Planner: planner,
		Launcher: &supervise.Local{
			Command:  []string{executable, "worker"},
			LogDir:   daemon.LogsDirectory(home),
			LocksDir: daemon.LocksDirectory(home),
			DeviceEnv: func(name string) []string {
				return slices.Concat(device.Environment(name), current.Load().HuggingFace.Environment())
			},
		},
		Devices: devices,
		Config:  settings,
		Reloads: reloads,
		Ready:   func() { tellServiceManager(logger, servicemanager.SdNotifyReady) },
		Logger:  logger,
	}, &reloader{home: home, logger: logger, current: current, reloads: reloads}, nil
}

func wantedDevices(settings *config.Config) []device.Wanted {
	wanted := make([]device.Wanted, len(settings.Training.Devices))
	for n, d := range settings.Training.Devices {
		wanted[n] = device.Wanted{Name: d.Name, Memory: int64(d.Memory)}
	}
	return wanted
}

// loadConfig reads the configuration of a home, with an error that says what to do.
func loadConfig(home string) (*config.Config, error) {
	settings, err := config.Load(home, os.Environ())
	return settings, explainConfig(err)
}

func explainConfig(err error) error {
	var wrong *config.Error
	if !errors.As(err, &wrong) {
		return err
	}
	return protocol.NewError(protocol.CodeInvalidConfig, "the configuration cannot be used:\n%s", wrong.Error()).
		WithHint("mend it; `scu config check` looks whether it is right, and `scu config show --default` explains every setting")
}

// tellServiceManager tells systemd, where it has started this process, how the daemon stands. Elsewhere it does nothing.
func tellServiceManager(logger *slog.Logger, state string) {
	if _, err := servicemanager.SdNotify(false, state); err != nil {
		logger.Warn("cannot tell the service manager how the daemon stands", "state", state, "error", err)
	}
}
