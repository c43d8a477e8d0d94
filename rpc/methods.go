package rpc

import (
	"context"
	"time"

	"github.com/shannon-labs/scu/protocol"
)

// callFor gives a method's result its type.
func callFor[Result any](ctx context.Context, c *Client, method string, params any) (*Result, error) {
	result := new(Result)
	if err := c.Call(ctx, method, params, result); err != nil {
		return nil, err
	}
	return result, nil
}

// CreateJob queues a job. When it returns, the daemon has the job on disk.
func (c *Client) CreateJob(ctx context.Context, spec protocol.JobSpec) (*protocol.Job, error) {
	return callFor[protocol.Job](ctx, c, protocol.MethodJobCreate, protocol.CreateParams{JobSpec: spec})
}

// PlanJob resolves a job as CreateJob would, and stores nothing.
func (c *Client) PlanJob(ctx context.Context, spec protocol.JobSpec) (*protocol.Plan, error) {
	return callFor[protocol.Plan](ctx, c, protocol.MethodJobCreate, protocol.CreateParams{JobSpec: spec, DryRun: true})
}

// Job returns a job by its id or name.
func (c *Client) Job(ctx context.Context, id string) (*protocol.Job, error) {
	return callFor[protocol.Job](ctx, c, protocol.MethodJobGet, protocol.IDParams{ID: id})
}

// Jobs returns one page of jobs, the newest first.
func (c *Client) Jobs(ctx context.Context, filter protocol.ListParams) (*protocol.ListResult, error) {
	return callFor[protocol.ListResult](ctx, c, protocol.MethodJobList, filter)
}

// Wait returns when the job is final or the timeout is over, which the result tells; 0 means no timeout.
func (c *Client) Wait(ctx context.Context, id string, timeout time.Duration) (*protocol.WaitResult, error) {
	return callFor[protocol.WaitResult](ctx, c, protocol.MethodJobWait, protocol.WaitParams{ID: id, TimeoutSeconds: timeout.Seconds()})
}

// Cancel ends a job that is not final.
func (c *Client) Cancel(ctx context.Context, id string) (*protocol.TrainingStatus, error) {
	return callFor[protocol.TrainingStatus](ctx, c, protocol.MethodJobCancel, protocol.IDParams{ID: id})
}

// Retry queues a failed or cancelled job again; it goes on from its last checkpoint, where it has one.
func (c *Client) Retry(ctx context.Context, id string) (*protocol.TrainingStatus, error) {
	return callFor[protocol.TrainingStatus](ctx, c, protocol.MethodJobRetry, protocol.IDParams{ID: id})
}

// Metrics returns the steps of a job that the params choose.
func (c *Client) Metrics(ctx context.Context, params protocol.MetricsParams) (*protocol.MetricsResult, error) {
	return callFor[protocol.MetricsResult](ctx, c, protocol.MethodJobMetrics, params)
}

// Events returns one page of a job's events.
func (c *Client) Events(ctx context.Context, params protocol.EventsParams) (*protocol.EventsResult, error) {
	return callFor[protocol.EventsResult](ctx, c, protocol.MethodJobEvents, params)
}

// Logs returns a job's log lines, the oldest first.
func (c *Client) Logs(ctx context.Context, id string) (*protocol.LogsResult, error) {
	return callFor[protocol.LogsResult](ctx, c, protocol.MethodJobLogs, protocol.IDParams{ID: id})
}

// Adapters returns every adapter, the newest first.
func (c *Client) Adapters(ctx context.Context) (*protocol.AdapterListResult, error) {
	return callFor[protocol.AdapterListResult](ctx, c, protocol.MethodAdapterList, nil)
}

// Adapter returns an adapter by its own or its job's id or name.
func (c *Client) Adapter(ctx context.Context, id string) (*protocol.AdapterArtifact, error) {
	return callFor[protocol.AdapterArtifact](ctx, c, protocol.MethodAdapterGet, protocol.IDParams{ID: id})
}

// DaemonStatus returns how the daemon stands.
func (c *Client) DaemonStatus(ctx context.Context) (*protocol.StatusResult, error) {
	return callFor[protocol.StatusResult](ctx, c, protocol.MethodDaemonStatus, nil)
}

// Shutdown asks the daemon to end, "now" or when "idle"; see [protocol.ShutdownParams].
func (c *Client) Shutdown(ctx context.Context, when string) (*protocol.ShutdownResult, error) {
	return callFor[protocol.ShutdownResult](ctx, c, protocol.MethodDaemonShutdown, protocol.ShutdownParams{When: when})
}
