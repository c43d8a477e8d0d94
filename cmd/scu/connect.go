package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

// connect returns a connection to the daemon of $SCU_HOME, which it starts if none runs.
func (c *console) connect(ctx context.Context) (*rpc.Client, error) {
	home, err := rpc.Home()
	if err != nil {
		return nil, err
	}
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program's own file, to start the daemon from it: %w", err)
	}
	log := daemonLogPath(home)
	start := rpc.StartDetached(executable, []string{"daemon", "--foreground", "--log-file", log}, log)
	return c.dial(ctx, home, start)
}

// connectIfRunning returns a connection to the daemon of home, or nil when none runs. It never starts one.
func (c *console) connectIfRunning(ctx context.Context, home string) (*rpc.Client, error) {
	client, err := c.dial(ctx, home, nil)
	if errors.Is(err, rpc.ErrNotRunning) {
		return nil, nil
	}
	return client, err
}

func (c *console) dial(ctx context.Context, home string, start func(context.Context, string) error) (*rpc.Client, error) {
	client, err := rpc.Connect(ctx, rpc.Options{Home: home, Client: clientInfo(), Start: start})
	if err != nil {
		return nil, err
	}
	if notice := client.Server().Notice; notice != "" {
		c.note("%s %s", c.paint(yellow, "note:"), notice)
	}
	return client, nil
}

// withClient connects, hands the connection to one verb's work, and closes it.
func (c *console) withClient(ctx context.Context, work func(*rpc.Client) error) error {
	client, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	return work(client)
}

func clientInfo() protocol.ClientInfo {
	return protocol.ClientInfo{Name: "scu", Version: version, BuildID: buildID(), PID: os.Getpid()}
}

// daemonLogPath is where a daemon started by the first client writes what it has to say.
func daemonLogPath(home string) string {
	return filepath.Join(home, "logs", "daemon.log")
}
