package daemon

import (
	"context"
	"time"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// defaultWindow is over which utilisation is measured unless something else is asked for.
const defaultWindow = 24 * time.Hour

// listDevices answers device/list.
func (d *daemon) listDevices(ctx context.Context, _ *rpc.Session, params *protocol.DeviceListParams) (any, error) {
	now := time.Now().UTC()
	since := now.Add(-defaultWindow)
	if params.Since != nil {
		since = params.Since.UTC()
	}
	if !since.Before(now) {
		return nil, protocol.NewError(protocol.CodeInvalidConfig, "since is %s, which is not in the past", since.Format(time.RFC3339))
	}
	used, err := d.store.DeviceUse(ctx, since)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	held := d.queue.Use()
	d.mu.Unlock()
	result := &protocol.DeviceListResult{Since: since}
	for _, device := range held {
		use := used[device.Name]
		told := protocol.Device{
			Name: device.Name, Kind: device.Kind, MemoryBytes: device.Memory, ReservedBytes: device.Reserved, Jobs: []protocol.DeviceJob{},
			BusySeconds: use.BusySeconds, JobSeconds: use.JobSeconds, Runs: use.Runs, Utilization: use.BusySeconds / now.Sub(since).Seconds(),
		}
		for _, job := range device.Jobs {
			told.Jobs = append(told.Jobs, protocol.DeviceJob{JobID: job.ID, ReservedBytes: job.Reserved})
		}
		result.Devices = append(result.Devices, told)
	}
	return result, nil
}

const defaultUsageLimit = 100

// listUsage answers usage/list.
func (d *daemon) listUsage(ctx context.Context, _ *rpc.Session, params *protocol.UsageParams) (any, error) {
	limit := params.Limit
	switch {
	case limit < 0 || limit > protocol.MaxListLimit:
		return nil, outOfRange("limit", limit, 0, protocol.MaxListLimit)
	case limit == 0:
		limit = defaultUsageLimit
	}
	runs, totals, err := d.store.Usage(ctx, store.UsageQuery{Since: params.Since, Until: params.Until, Limit: limit})
	if err != nil {
		return nil, err
	}
	return &protocol.UsageResult{Runs: runs, Totals: totals}, nil
}
