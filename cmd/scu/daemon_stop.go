package main

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

const (
	// stopPatience is how long `scu daemon stop` waits for a daemon that has nothing left to do, or was told to drop it:
	// somewhat more than the daemon gives its workers.
	stopPatience = 40 * time.Second
	// stopPoll is how often it looks.
	stopPoll = 20 * time.Millisecond
)

// stopReport is what `scu daemon stop --json` prints: the daemon as it stood, and whether it is gone.
type stopReport struct {
	*protocol.StatusResult          // nil when none ran
	Stopped                bool     `json:"stopped"`
	WaitingFor             []string `json:"waiting_for,omitempty"` // ids of the jobs after which it stops
}

func newDaemonStopCommand(c *console) *cobra.Command {
	var now bool
	command := &cobra.Command{
		Use:   "stop [--now]",
		Short: "Stop the daemon when no job is left, or now",
		Long: `Ask the daemon to stop. While jobs are queued or running it stops after the last of them and
takes no new one; this command does not wait for that. With --now running jobs are stopped.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			when := "idle"
			if now {
				when = "now"
			}
			report, err := c.stopDaemon(command.Context(), when)
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(report)
			}
			switch {
			case report.StatusResult == nil:
				c.note("no daemon was running")
			case report.Stopped:
				c.note("the daemon has stopped")
			default:
				c.note("the daemon stops after its jobs: %s\nto stop it at once: scu daemon stop --now", strings.Join(report.WaitingFor, " "))
			}
			return nil
		},
	}
	command.Flags().BoolVar(&now, "now", false, "stop running jobs too")
	return command
}

func (c *console) stopDaemon(ctx context.Context, when string) (*stopReport, error) {
	home, err := rpc.Home()
	if err != nil {
		return nil, err
	}
	client, err := c.connectIfRunning(ctx, home)
	if err != nil {
		return nil, err
	}
	if client == nil {
		return &stopReport{Stopped: true}, nil
	}
	defer client.Close()
	status, err := client.DaemonStatus(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := client.Shutdown(ctx, when)
	if err != nil {
		return nil, err
	}
	if len(answer.WaitingFor) > 0 && when == "idle" {
		return &stopReport{StatusResult: status, WaitingFor: answer.WaitingFor}, nil
	}
	return &stopReport{StatusResult: status, Stopped: true}, c.awaitStopped(ctx, home, status.PID)
}

// awaitStopped returns once nobody listens on the socket of home and the process is gone.
func (c *console) awaitStopped(ctx context.Context, home string, pid int) error {
	patience, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	poll := time.NewTicker(stopPoll)
	defer poll.Stop()
	for {
		client, err := c.connectIfRunning(patience, home)
		if err == nil && client == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return nil
		}
		if client != nil {
			_ = client.Close()
		}
		select {
		case <-patience.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return protocol.NewError(protocol.CodeInternal, "the daemon, process %d, was told to stop but still runs after %s", pid, stopPatience).
				WithHint("end it with: kill -9 %d", pid)
		case <-poll.C:
		}
	}
}
