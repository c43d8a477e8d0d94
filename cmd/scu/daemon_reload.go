package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	servicemanager "github.com/coreos/go-systemd/v22/daemon"

	"github.com/shannon-labs/scu/daemon/config"
)

// reloader reads the configuration again on each SIGHUP. One that cannot be used changes nothing.
type reloader struct {
	home    string
	logger  *slog.Logger
	current *atomic.Pointer[config.Config] // for what is asked of it at each use: the Hub's address and token
	reloads chan<- *config.Config          // for the daemon
}

// watch begins to heed the signal. The function it returns ends that, and waits until it has.
func (r *reloader) watch(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	hangups := make(chan os.Signal, 1) // one that comes while a file is read is heeded after it; more are the same
	signal.Notify(hangups, syscall.SIGHUP)
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-hangups:
				r.reload(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		watching.Wait()
		signal.Stop(hangups)
	}
}

func (r *reloader) reload(ctx context.Context) {
	tellServiceManager(r.logger, servicemanager.SdNotifyReloading)
	defer tellServiceManager(r.logger, servicemanager.SdNotifyReady)
	next, err := config.Load(r.home, os.Environ())
	if err != nil {
		r.refuse(err)
		return
	}
	for _, warning := range next.Warnings {
		r.logger.Warn(warning)
	}
	select {
	case r.reloads <- next:
		r.current.Store(next)
	case <-ctx.Done():
	}
}

func (r *reloader) refuse(err error) {
	const message = "the configuration cannot be used, and the one before stays"
	var wrong *config.Error
	if !errors.As(err, &wrong) {
		r.logger.Error(message, "error", err)
		return
	}
	for _, problem := range wrong.Problems {
		r.logger.Error(message, "place", problem.Place, "key", problem.Key, "problem", problem.Message)
	}
}
