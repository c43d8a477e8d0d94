package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/shannon-labs/scu/cmd/scu/internal/systemd"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// codeNoServiceManager is of the command line only.
const codeNoServiceManager protocol.ErrorCode = "no_service_manager"

// beyondCheckpoint is what the daemon may take to end beside the time that its workers have for a checkpoint.
const beyondCheckpoint = time.Minute

// installReport is what `scu daemon install --json` and `uninstall --json` print.
type installReport struct {
	Written []string `json:"written,omitempty"` // unit files
	Removed []string `json:"removed,omitempty"`
	Started bool     `json:"started"`
}

func newDaemonInstallCommand(c *console) *cobra.Command {
	var printOnly, noStart bool
	command := &cobra.Command{
		Use:   "install [--no-start | --print]",
		Short: "Make the daemon a service of yours under systemd",
		Long: `Write scu.service and scu.socket as units of your systemd user manager, which then starts
the daemon when you log in, when a command needs it, and when it has crashed. The units hold
this program's path and SCU_HOME, if it is set, but no other variable: what the daemon
needs of those goes into config.yaml, or into the unit with systemctl --user edit scu.

So that it runs while you are not logged in: loginctl enable-linger`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			service, err := describeService()
			if err != nil {
				return err
			}
			if printOnly {
				return c.printUnits(service)
			}
			return c.installService(command.Context(), service, !noStart)
		},
	}
	command.Flags().BoolVar(&printOnly, "print", false, "print the unit files, and do nothing")
	command.Flags().BoolVar(&noStart, "no-start", false, "start nothing now")
	command.MarkFlagsMutuallyExclusive("print", "no-start")
	return command
}

func newDaemonUninstallCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "uninstall",
		Short: "Stop the service and remove its units",
		Long: `Undo scu daemon install. Running jobs write a checkpoint, and go on when a daemon runs again.
Jobs and adapters stay.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			removed, err := systemd.Uninstall(command.Context())
			if err != nil {
				return explainSystemd(err)
			}
			if c.json {
				return c.printJSON(installReport{Removed: removed})
			}
			if len(removed) == 0 {
				c.note("the service is not installed")
			}
			for _, path := range removed {
				c.note("removed %s", path)
			}
			return nil
		},
	}
}

// describeService is the service of $SCU_HOME. Its time to stop follows from the configuration.
func describeService() (systemd.Service, error) {
	home, err := rpc.Home()
	if err != nil {
		return systemd.Service{}, err
	}
	executable, err := os.Executable()
	if err != nil {
		return systemd.Service{}, fmt.Errorf("find this program's own file, to name it in the unit: %w", err)
	}
	settings, err := loadConfig(home)
	if err != nil {
		return systemd.Service{}, err
	}
	service := systemd.Service{Executable: executable, Socket: rpc.SocketPath(home), StopTimeout: settings.Training.PauseGrace + beyondCheckpoint}
	if os.Getenv("SCU_HOME") != "" {
		service.Home = home
	}
	return service, nil
}

func (c *console) printUnits(service systemd.Service) error {
	files, err := service.Files()
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(files)
	}
	for _, name := range []string{systemd.ServiceUnit, systemd.SocketUnit} {
		if _, err := fmt.Fprintf(c.stdout, "# %s\n%s\n", name, files[name]); err != nil {
			return err
		}
	}
	return nil
}

func (c *console) installService(ctx context.Context, service systemd.Service, start bool) error {
	if start {
		if err := c.refuseOtherDaemon(ctx); err != nil {
			return err
		}
	}
	ranBefore := systemd.MainPID(ctx) != 0
	written, err := systemd.Install(ctx, service, start)
	if err != nil {
		return explainSystemd(err)
	}
	if c.json {
		return c.printJSON(installReport{Written: written, Started: start})
	}
	for _, path := range written {
		c.note("wrote %s", path)
	}
	if len(written) == 0 {
		c.note("the units were as they should be")
	}
	switch {
	case ranBefore && len(written) > 0:
		c.note("the service goes on as it was; with the new units: systemctl --user restart scu")
	case start:
		c.note("the service runs; its log: journalctl --user -u scu")
	default:
		c.note("the service starts when you log in; at once: systemctl --user start scu.socket scu")
	}
	return nil
}

// refuseOtherDaemon refuses to start the service beside a daemon that is not the service's: systemd would take its socket
// away.
func (c *console) refuseOtherDaemon(ctx context.Context) error {
	home, err := rpc.Home()
	if err != nil {
		return err
	}
	client, err := c.connectIfRunning(ctx, home)
	if err != nil || client == nil {
		return err
	}
	defer client.Close()
	status, err := client.DaemonStatus(ctx)
	if err != nil {
		return err
	}
	if status.PID == systemd.MainPID(ctx) {
		return nil
	}
	return protocol.NewError(protocol.CodeConflict, "a daemon that is not the service runs already, as process %d", status.PID).
		WithHint("stop it with `scu daemon stop`, then install; or install with --no-start")
}

func explainSystemd(err error) error {
	if !errors.Is(err, systemd.ErrNoManager) {
		return err
	}
	return protocol.NewError(codeNoServiceManager, "%v", err).
		WithHint("without one, the first command that needs the daemon starts it; another service manager can run `scu daemon --foreground`. `scu daemon install --print` shows the units")
}
