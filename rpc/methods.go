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

// Pause makes a queued or running job wait until [Client.Resume]. It returns when the job's worker has ended.
func (c *Client) Pause(ctx context.Context, id string) (*protocol.TrainingStatus, error) {
	return callFor[protocol.TrainingStatus](ctx, c, protocol.MethodJobPause, protocol.IDParams{ID: id})
}

// Resume queues a paused job again; it goes on from its last checkpoint, where it has one.
func (c *Client) Resume(ctx context.Context, id string) (*protocol.TrainingStatus, error) {
	return callFor[protocol.TrainingStatus](ctx, c, protocol.MethodJobResume, protocol.IDParams{ID: id})
}

// SetPriority gives a job that has not ended another priority, -[protocol.MaxPriority] to [protocol.MaxPriority].
func (c *Client) SetPriority(ctx context.Context, id string, priority int) (*protocol.TrainingStatus, error) {
	return callFor[protocol.TrainingStatus](ctx, c, protocol.MethodJobSetPriority, protocol.SetPriorityParams{ID: id, Priority: priority})
}

// DeleteJob removes a job that has ended and what it has left. One that has an adapter is refused unless withAdapter is
// set, which removes that too.
func (c *Client) DeleteJob(ctx context.Context, id string, withAdapter bool) (*protocol.DeleteResult, error) {
	return callFor[protocol.DeleteResult](ctx, c, protocol.MethodJobDelete, protocol.DeleteJobParams{ID: id, WithAdapter: withAdapter})
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

// DeleteAdapter removes an adapter by its own or its job's id or name. The job stays.
func (c *Client) DeleteAdapter(ctx context.Context, id string) (*protocol.DeleteResult, error) {
	return callFor[protocol.DeleteResult](ctx, c, protocol.MethodAdapterDelete, protocol.IDParams{ID: id})
}

// QueueStatus returns what runs and what waits.
func (c *Client) QueueStatus(ctx context.Context) (*protocol.QueueStatus, error) {
	return callFor[protocol.QueueStatus](ctx, c, protocol.MethodQueueStatus, nil)
}

// QueuePause starts no more jobs until [Client.QueueResume]. Those that run go on.
func (c *Client) QueuePause(ctx context.Context) (*protocol.QueueStatus, error) {
	return callFor[protocol.QueueStatus](ctx, c, protocol.MethodQueuePause, nil)
}

// QueueResume ends a [Client.QueuePause].
func (c *Client) QueueResume(ctx context.Context) (*protocol.QueueStatus, error) {
	return callFor[protocol.QueueStatus](ctx, c, protocol.MethodQueueResume, nil)
}

// Devices returns the devices that jobs run on, and how busy they were since then; over the last day if since is zero.
func (c *Client) Devices(ctx context.Context, since time.Time) (*protocol.DeviceListResult, error) {
	params := protocol.DeviceListParams{}
	if !since.IsZero() {
		params.Since = &since
	}
	return callFor[protocol.DeviceListResult](ctx, c, protocol.MethodDeviceList, params)
}

// Usage returns what the runs that the params choose have used, and the sums by owner.
func (c *Client) Usage(ctx context.Context, params protocol.UsageParams) (*protocol.UsageResult, error) {
	return callFor[protocol.UsageResult](ctx, c, protocol.MethodUsageList, params)
}

// DaemonStatus returns how the daemon stands.
func (c *Client) DaemonStatus(ctx context.Context) (*protocol.StatusResult, error) {
	return callFor[protocol.StatusResult](ctx, c, protocol.MethodDaemonStatus, nil)
}

// Config returns the configuration that the daemon runs with.
func (c *Client) Config(ctx context.Context) (*protocol.ConfigResult, error) {
	return callFor[protocol.ConfigResult](ctx, c, protocol.MethodDaemonConfig, nil)
}

// Shutdown asks the daemon to end: [protocol.ShutdownNow], [protocol.ShutdownDrained] or [protocol.ShutdownIdle].
func (c *Client) Shutdown(ctx context.Context, when string) (*protocol.ShutdownResult, error) {
	return callFor[protocol.ShutdownResult](ctx, c, protocol.MethodDaemonShutdown, protocol.ShutdownParams{When: when})
}
