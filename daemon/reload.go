package daemon

import (
	"context"

	"github.com/shannon-labs/scu/daemon/config"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// reload goes on with another configuration, as far as that can be done while jobs run.
func (d *daemon) reload(next *config.Config) {
	for _, value := range next.Values(d.options.Config) {
		if value.Pending != nil {
			d.logger.Warn("a setting takes effect when the daemon is started again", "key", value.Key)
		}
	}
	d.config.Store(next)
	d.mu.Lock()
	d.queue.SetPolicy(d.policyOf(next))
	d.mu.Unlock()
	d.nudge()
	d.logger.Info("configuration read again", "file", next.File)
}

// showConfig answers daemon/config.
func (d *daemon) showConfig(context.Context, *rpc.Session, *none) (any, error) {
	now := d.config.Load()
	return &protocol.ConfigResult{File: now.File, Values: now.Values(d.options.Config)}, nil
}
