package daemon

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

func (d *daemon) status(ctx context.Context, _ *rpc.Session, _ *none) (any, error) {
	counts, err := d.store.Counts(ctx)
	if err != nil {
		return nil, err
	}
	queuePaused, err := d.store.QueuePaused(ctx)
	if err != nil {
		return nil, err
	}
	free, err := d.options.FreeBytes(d.options.Home)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return &protocol.StatusResult{
		QueuePaused: queuePaused, Ending: d.closing, DiskFreeBytes: free, DiskLow: d.diskLow,
		PID: os.Getpid(), Version: d.options.Version, BuildID: d.options.BuildID, InstanceID: d.instanceID,
		Socket: d.socket, Home: d.options.Home, StartedAt: d.startedAt, UptimeSeconds: time.Since(d.startedAt).Seconds(), Jobs: counts,
	}, nil
}

// shutdown answers daemon/shutdown. The answer reaches the client before the connection ends.
func (d *daemon) shutdown(_ context.Context, session *rpc.Session, params *protocol.ShutdownParams) (any, error) {
	when := cmp.Or(params.When, protocol.ShutdownIdle)
	ways := []string{protocol.ShutdownNow, protocol.ShutdownDrained, protocol.ShutdownIdle}
	if !slices.Contains(ways, when) {
		return nil, protocol.NewError(protocol.CodeInvalidConfig, "when is %q; it must be one of %s", when, strings.Join(ways, ", "))
	}
	left := d.close(when)
	d.logger.Info("asked to shut down", "when", when, "client", session.Client().Name, "waiting for", left)
	return &protocol.ShutdownResult{WaitingFor: left}, nil
}
