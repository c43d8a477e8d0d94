package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
)

const (
	startPatience = 30 * time.Second // for a daemon to answer
	stopPatience  = 60 * time.Second // for a daemon to end that was asked to
	deathPatience = 5 * time.Second  // for the workers of a daemon that was killed
)

// daemonProcess is a daemon that was started.
type daemonProcess struct {
	command *exec.Cmd
	ended   chan struct{} // closed when it was waited for
	err     error         // of the wait
}

// startDaemon starts a daemon process, which does not answer yet.
func (s *soak) startDaemon() (*daemonProcess, error) {
	log, err := os.OpenFile(s.ground.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	d := &daemonProcess{command: exec.Command(s.daemonCommand[0], s.daemonCommand[1:]...), ended: make(chan struct{})}
	d.command.Env = s.ground.environment(s.machine)
	d.command.Stdout, d.command.Stderr = log, log
	if err := d.command.Start(); err != nil {
		return nil, fmt.Errorf("start a daemon: %w", err)
	}
	go func() {
		d.err = d.command.Wait()
		close(d.ended)
	}()
	return d, nil
}

// showDaemon makes a daemon that hangs print what its goroutines are at, which ends it.
func (s *soak) showDaemon() {
	daemons, err := s.ground.processes(roleDaemon)
	for _, daemon := range daemons {
		err = errors.Join(err, s.ground.signal(daemon, unix.SIGQUIT))
	}
	if err != nil {
		s.faults.add("and cannot be made to tell: %v", err)
	}
}

func (d *daemonProcess) hasEnded() bool {
	select {
	case <-d.ended:
		return true
	default:
		return false
	}
}

// kill ends the daemon as kill -9 does, and waits for it.
func (d *daemonProcess) kill() error {
	if err := d.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-d.ended
	return nil
}

// awaitEnd waits for a daemon that was asked to end, and reports whether it did and was content.
func (d *daemonProcess) awaitEnd() error {
	select {
	case <-d.ended:
		return d.err
	case <-time.After(stopPatience):
		return fmt.Errorf("it does not end within %s", stopPatience)
	}
}

// connect waits for a daemon that answers.
func (s *soak) connect(ctx context.Context, who string) (*rpc.Client, error) {
	return rpc.Connect(ctx, rpc.Options{
		Home: s.ground.home, Client: protocol.ClientInfo{Name: who, Version: "soak"}, StartTimeout: startPatience,
		Start: func(context.Context, string) error { return nil }, // another part of the driver does that
	})
}

// awaitReady connects to a daemon that was just started. It fails when that ends instead.
func (s *soak) awaitReady(ctx context.Context, d *daemonProcess) (*rpc.Client, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-d.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	client, err := s.connect(ctx, "the soak's inspector")
	if err != nil && d.hasEnded() {
		return nil, fmt.Errorf("the daemon ended instead of answering: %w (see %s)", errors.Join(d.err, errDaemonEnded), s.ground.log)
	}
	return client, err
}

var errDaemonEnded = errors.New("it had not been told to")
