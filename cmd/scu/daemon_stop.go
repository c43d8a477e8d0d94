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
	// stopPatience is how long `scu daemon stop` waits for a daemon that has nothing left to do, or was told to interrupt
	// it: more than workers take for a checkpoint, unless they were given very long.
	stopPatience = 3 * time.Minute
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
	var now, drain bool
	command := &cobra.Command{
		Use:   "stop [--drain | --now]",
		Short: "Stop the daemon when no job is left, when none runs, or now",
		Long: `Ask the daemon to stop, and to take no new job from now on. It stops after the last job that
is queued or running; with --drain, when the jobs that run have ended, without starting
another; with --now, as soon as they have written a checkpoint. What is left in the queue
goes on with the next daemon, which the first command that needs it starts.

Only with --now, or if there is nothing to wait for, this command returns when the daemon
has stopped.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			when := protocol.ShutdownIdle
			switch {
			case now:
				when = protocol.ShutdownNow
			case drain:
				when = protocol.ShutdownDrained
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
				c.note("the daemon stops after these jobs: %s\nto stop it at once: scu daemon stop --now", strings.Join(report.WaitingFor, " "))
			}
			return nil
		},
	}
	command.Flags().BoolVar(&now, "now", false, "interrupt running jobs, which go on with the next daemon")
	command.Flags().BoolVar(&drain, "drain", false, "start no more jobs, and stop when those that run have ended")
	command.MarkFlagsMutuallyExclusive("now", "drain")
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
	if len(answer.WaitingFor) > 0 {
		if when != protocol.ShutdownNow {
			return &stopReport{StatusResult: status, WaitingFor: answer.WaitingFor}, nil
		}
		c.note("waiting until the running jobs have written a checkpoint")
	}
	return &stopReport{StatusResult: status, Stopped: true}, awaitStopped(ctx, status.PID)
}

// awaitStopped returns once the process is gone. It does not dial: where systemd listens too, that would start the next one.
func awaitStopped(ctx context.Context, pid int) error {
	patience, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	poll := time.NewTicker(stopPoll)
	defer poll.Stop()
	for {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return nil
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
