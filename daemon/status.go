package daemon

import (
	"context"
	"os"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// When a daemon is to end.
const (
	shutdownNow  = "now"
	shutdownIdle = "idle"
)

func (d *daemon) status(ctx context.Context, _ *rpc.Session, _ *none) (any, error) {
	counts, err := d.store.Counts(ctx)
	if err != nil {
		return nil, err
	}
	return &protocol.StatusResult{
		PID: os.Getpid(), Version: d.options.Version, BuildID: d.options.BuildID, InstanceID: d.instanceID,
		Socket: d.socket, Home: d.options.Home, StartedAt: d.startedAt, UptimeSeconds: time.Since(d.startedAt).Seconds(), Jobs: counts,
	}, nil
}

// shutdown answers daemon/shutdown. The answer reaches the client before the connection ends.
func (d *daemon) shutdown(_ context.Context, session *rpc.Session, params *protocol.ShutdownParams) (any, error) {
	var left []string
	switch params.When {
	case shutdownNow:
		left = d.living()
		d.endNow()
	case shutdownIdle, "":
		left = d.drain()
	default:
		return nil, protocol.NewError(protocol.CodeInvalidConfig, "when is %q; it must be %q or %q", params.When, shutdownNow, shutdownIdle)
	}
	d.logger.Info("asked to shut down", "when", params.When, "client", session.Client().Name, "waiting for", left)
	return &protocol.ShutdownResult{WaitingFor: left}, nil
}
