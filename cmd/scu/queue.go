package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shannon-labs/scu/cmd/scu/internal/progress"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/spf13/cobra"
)

// queueShown is how many of the waiting jobs are listed.
const queueShown = 20

func newQueueCommand(c *console) *cobra.Command {
	command := &cobra.Command{
		Use:   "queue [status | pause | resume]",
		Short: "Show what runs and what waits, or start nothing more for a while",
		Long: `Show the jobs that run, and those that wait in the order in which they would start now, with
what each waits for. With pause no job is started until resume; those that run go on, and
the queue stays paused when the daemon is started again.`,
		Args: cobra.NoArgs,
		RunE: c.queueVerb((*rpc.Client).QueueStatus),
	}
	command.AddCommand(
		&cobra.Command{Use: "status", Short: "Show what runs and what waits", Args: cobra.NoArgs, RunE: c.queueVerb((*rpc.Client).QueueStatus)},
		&cobra.Command{Use: "pause", Short: "Start no more jobs; those that run go on", Args: cobra.NoArgs, RunE: c.queueVerb((*rpc.Client).QueuePause)},
		&cobra.Command{Use: "resume", Short: "Start jobs again", Args: cobra.NoArgs, RunE: c.queueVerb((*rpc.Client).QueueResume)},
	)
	return command
}

// queueVerb makes a call about the queue and prints how it stands then.
func (c *console) queueVerb(call func(*rpc.Client, context.Context) (*protocol.QueueStatus, error)) func(*cobra.Command, []string) error {
	return func(command *cobra.Command, _ []string) error {
		ctx := command.Context()
		return c.withClient(ctx, func(client *rpc.Client) error {
			queue, err := call(client, ctx)
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(queue)
			}
			return c.printQueue(ctx, client, queue)
		})
	}
}

func (c *console) printQueue(ctx context.Context, client *rpc.Client, queue *protocol.QueueStatus) error {
	state := "open"
	if queue.Paused {
		state = "paused; it goes on with: scu queue resume"
	}
	waiting := fmt.Sprint(len(queue.Waiting))
	if queue.MaxQueued > 0 {
		waiting += fmt.Sprintf(" of at most %d", queue.MaxQueued)
	}
	if _, err := fmt.Fprintf(c.stdout, "queue    %s\nrunning  %d of at most %d\nwaiting  %s\n", state, len(queue.Running), queue.MaxConcurrent, waiting); err != nil {
		return err
	}
	shown := queue.Waiting[:min(queueShown, len(queue.Waiting))]
	jobs, err := jobsOf(ctx, client, append(append([]string{}, queue.Running...), shown...))
	if err != nil || len(jobs) == 0 {
		return err
	}
	fmt.Fprintln(c.stdout)
	if err := writeTable(c.stdout, queueColumns, jobs); err != nil {
		return err
	}
	if left := len(queue.Waiting) - len(shown); left > 0 {
		c.note("and %d more; see them with: scu jobs --status queued", left)
	}
	return nil
}

// queueColumns are what is shown of a job that runs or waits.
var queueColumns = []column[*protocol.Job]{
	{"NAME", func(job *protocol.Job) string { return job.Name }},
	{"STATUS", func(job *protocol.Job) string { return statusWord(&job.TrainingStatus) }},
	{"PRIORITY", func(job *protocol.Job) string { return unlessZero(job.Priority) }},
	{"DEVICE", func(job *protocol.Job) string {
		if job.Status != protocol.StatusRunning { // it may run on another one the next time
			return ""
		}
		return job.Device
	}},
	{"AGE", func(job *protocol.Job) string { return progress.Elapsed(time.Since(job.CreatedAt)) }},
	{"WAITS", func(job *protocol.Job) string {
		if job.Waiting != nil && job.Waiting.Reason == protocol.WaitQueuePaused { // which stands above the table
			return ""
		}
		return progress.NewState(job).Waits()
	}},
}

// jobsOf looks the jobs up. One that has gone since is left out.
func jobsOf(ctx context.Context, client *rpc.Client, ids []string) ([]*protocol.Job, error) {
	jobs := make([]*protocol.Job, 0, len(ids))
	for _, id := range ids {
		job, err := client.Job(ctx, id)
		var refused *protocol.Error
		switch {
		case err == nil:
			jobs = append(jobs, job)
		case !errors.As(err, &refused) || refused.Code != protocol.CodeNotFound:
			return nil, err
		}
	}
	return jobs, nil
}
