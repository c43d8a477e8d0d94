package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/shannon-labs/scu/cmd/scu/internal/progress"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

func newDaemonCommand(c *console) *cobra.Command {
	var foreground bool
	var log logFlags
	start := func(command *cobra.Command, _ []string) error {
		ctx := command.Context()
		return c.withClient(ctx, func(client *rpc.Client) error { return c.printDaemonStatus(ctx, client) })
	}
	command := &cobra.Command{
		Use:   "daemon [--foreground]",
		Short: "Start the daemon that runs the jobs, or with --foreground be it",
		Long: `Start the daemon of $SCU_HOME in the background, unless it runs already, and print how it
stands. Any other verb starts it too when it needs it, so this is rarely called.

With --foreground this process is the daemon: it logs to standard error and goes on until
it is told to stop. That is what a service manager calls; scu daemon install makes systemd
do so. SIGHUP lets it read config.yaml again.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, arguments []string) error {
			if foreground {
				return c.runDaemon(command.Context(), log)
			}
			if command.Flags().Changed("log-format") || command.Flags().Changed("log-level") || command.Flags().Changed("log-file") {
				return usageErrorf("--log-format, --log-level and --log-file are for a daemon in the foreground: add --foreground")
			}
			return start(command, arguments)
		},
	}
	command.Flags().BoolVar(&foreground, "foreground", false, "be the daemon")
	log.add(command)
	command.AddCommand(
		&cobra.Command{Use: "start", Short: "Start the daemon in the background, unless it runs", Args: cobra.NoArgs, RunE: start},
		newDaemonStatusCommand(c),
		newDaemonStopCommand(c),
		newDaemonInstallCommand(c),
		newDaemonUninstallCommand(c),
	)
	return command
}

func newDaemonStatusCommand(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show how the daemon stands; exit 1 when none runs",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			ctx := command.Context()
			client, err := c.runningDaemon(ctx)
			if err != nil {
				return err
			}
			defer client.Close()
			return c.printDaemonStatus(ctx, client)
		},
	}
}

// runningDaemon connects to the daemon, and fails when none runs.
func (c *console) runningDaemon(ctx context.Context) (*rpc.Client, error) {
	home, err := rpc.Home()
	if err != nil {
		return nil, err
	}
	client, err := c.connectIfRunning(ctx, home)
	if err != nil {
		return nil, err
	}
	if client == nil {
		return nil, protocol.NewError(codeDaemonNotRunning, "no daemon runs for %s", home).WithHint("start it with: scu daemon")
	}
	return client, nil
}

func (c *console) printDaemonStatus(ctx context.Context, client *rpc.Client) error {
	status, err := client.DaemonStatus(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(status)
	}
	var jobs []string
	for _, s := range protocol.Statuses {
		if count := status.Jobs[s]; count > 0 {
			jobs = append(jobs, fmt.Sprintf("%d %s", count, s))
		}
	}
	if len(jobs) == 0 {
		jobs = []string{"none"}
	}
	card := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(card, "process\t%d, up %s\n", status.PID, progress.Elapsed(time.Duration(status.UptimeSeconds*float64(time.Second))))
	fmt.Fprintf(card, "version\t%s, build %s\n", status.Version, status.BuildID)
	fmt.Fprintf(card, "home\t%s\n", status.Home)
	fmt.Fprintf(card, "socket\t%s\n", status.Socket)
	fmt.Fprintf(card, "jobs\t%s\n", strings.Join(jobs, ", "))
	if status.QueuePaused {
		fmt.Fprintf(card, "queue\tpaused; it goes on with: scu queue resume\n")
	}
	fmt.Fprintf(card, "disk\t%s\n", diskWords(status))
	if status.Ending != "" {
		fmt.Fprintf(card, "ending\t%s\n", endingWords[status.Ending])
	}
	return card.Flush()
}

func diskWords(status *protocol.StatusResult) string {
	free := progress.Bytes(status.DiskFreeBytes) + " free"
	if status.DiskLow {
		return free + ", too little for jobs, which are paused until there is more"
	}
	return free
}

// endingWords say when a daemon ends that was asked to.
var endingWords = map[string]string{
	protocol.ShutdownNow:     "as soon as running jobs have written a checkpoint",
	protocol.ShutdownDrained: "when the jobs that run have ended",
	protocol.ShutdownIdle:    "when no job is queued or running",
}
