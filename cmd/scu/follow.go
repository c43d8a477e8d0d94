package main

import (
	"context"

	"github.com/shannon-labs/scu/cmd/scu/internal/progress"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// newView returns what draws progress on standard error: bars on a terminal, else lines.
func (c *console) newView(named bool) progress.View {
	if c.terminal != nil {
		return progress.NewBars(c.terminal, named)
	}
	return progress.NewLines(c.stderr, named)
}

// followJob shows a job in view until it is final, and returns it whole. When ctx ends the job goes on.
func followJob(ctx context.Context, client *rpc.Client, id string, view progress.View) (*protocol.Job, error) {
	var job *protocol.Job
	begin := func(snapshot *protocol.Job) {
		job = snapshot
		view.Begin(job)
	}
	each := func(event protocol.JobEvent) error {
		view.Event(job.JobID, event)
		return nil
	}
	if err := streamEvents(ctx, client, id, nil, begin, each); err != nil {
		return nil, err
	}
	return client.Job(ctx, job.JobID)
}

// outcome is nil when the job completed, else why it did not.
func outcome(status *protocol.TrainingStatus) error {
	switch status.Status {
	case protocol.StatusFailed:
		if status.Error == nil {
			return protocol.NewError(protocol.CodeInternal, "%s failed", status.Name).WithHint("see: scu logs %s", status.Name)
		}
		failed := *status.Error
		failed.Message = status.Name + " failed: " + failed.Message
		if failed.Hint == "" {
			failed.Hint = "see: scu logs " + status.Name
		}
		// The exit status of a failed job is 1 whatever its reason.
		if failed.Code == protocol.CodeCancelled {
			failed.Code = protocol.CodeInternal
		}
		return &failed
	case protocol.StatusCancelled:
		return protocol.NewError(protocol.CodeCancelled, "%s was cancelled", status.Name)
	}
	return nil
}
