package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/shannon-labs/scu/daemon/schedule"
	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/plan"
)

// Planner turns what a user asks for into what a worker can run, or says what is wrong with it.
type Planner interface {
	// Prepare finds the model, resolves the configuration and checks the data. Paths in the result are absolute.
	Prepare(ctx context.Context, home string, spec protocol.JobSpec) (*plan.Prepared, *protocol.Error)
	// Estimate makes the plan of a dry run.
	Estimate(ctx context.Context, home string, spec protocol.JobSpec) (*protocol.Plan, *protocol.Error)
}

// Options say how a daemon runs. Home, Planner, Launcher and Device must be set.
type Options struct {
	Home     string // the state directory, absolute; made if there is none
	Version  string // of the program
	BuildID  string // tells builds of one version apart
	Planner  Planner
	Launcher supervise.Launcher
	Device   string // that workers use: cpu or cuda

	MaxConcurrent int          // jobs that run at once; 0 means 1
	MinFreeBytes  uint64       // of the home's file system, below which no job is taken or started; 0 means 200 MB
	Logger        *slog.Logger // nil means slog.Default()
}

// defaultMinFreeBytes holds the adapters, logs and rows of a few jobs.
const defaultMinFreeBytes = 200_000_000

// daemon is the state of one Run.
type daemon struct {
	options    Options
	logger     *slog.Logger
	store      *store.Store
	hub        *hub
	instanceID string
	socket     string
	startedAt  time.Time

	wake      chan struct{} // the dispatcher has something to look at
	ending    context.Context
	endNow    context.CancelFunc // ends ending: stop the jobs, then the daemon
	runners   sync.WaitGroup
	followers followers
	farewell  farewell

	mu       sync.Mutex
	queue    schedule.Queue
	running  map[string]*run // by job id
	creating int             // calls to job/create in progress
	draining bool            // no new jobs; the daemon ends when nothing is left
}

// Run serves until ctx ends or a client asks for the end. It returns nil in both cases, after every worker has ended
// and everything is on disk. A home that another daemon serves gives an *rpc.AlreadyRunningError.
func Run(ctx context.Context, o Options) (err error) {
	o.MaxConcurrent = cmp.Or(o.MaxConcurrent, 1)
	o.MinFreeBytes = cmp.Or(o.MinFreeBytes, defaultMinFreeBytes)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	listener, err := rpc.Listen(o.Home)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, listener.Close()) }()
	for _, directory := range []string{adaptersDirectory(o.Home), LogsDirectory(o.Home)} {
		if err := os.MkdirAll(directory, 0o700); err != nil {
			return fmt.Errorf("prepare the home: %w", err)
		}
	}
	hub := newHub()
	jobs, err := store.Open(ctx, filepath.Join(o.Home, "scu.db"), store.Options{Changed: hub.publish})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, jobs.Close()) }()
	d := newDaemon(o, jobs, hub, listener.Path())
	if err := d.recover(ctx); err != nil {
		return err
	}
	return d.serve(ctx, listener)
}

func newDaemon(o Options, jobs *store.Store, hub *hub, socket string) *daemon {
	d := &daemon{
		options: o, logger: o.Logger, store: jobs, hub: hub, instanceID: newID("daemon"), socket: socket, startedAt: time.Now().UTC(),
		wake: make(chan struct{}, 1), running: map[string]*run{}, followers: newFollowers(), farewell: newFarewell(),
	}
	d.ending, d.endNow = context.WithCancel(context.Background())
	return d
}

// serve answers calls and runs jobs until the end, and then ends both. Calls are answered until the workers have ended,
// so that who waits for a job learns how it ended.
func (d *daemon) serve(ctx context.Context, listener *rpc.Listener) error {
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	server := &rpc.Server{
		Handler: d,
		Info:    protocol.ServerInfo{Name: "scu", Version: d.options.Version, BuildID: d.options.BuildID, InstanceID: d.instanceID},
		Methods: methodNames(),
		Logger:  d.logger,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(serving, listener) }()
	dispatched := make(chan struct{})
	go func() {
		defer close(dispatched)
		d.dispatch()
	}()
	d.logger.Info("serving", "socket", d.socket, "home", d.options.Home, "version", d.options.Version, "pid", os.Getpid())

	var serveErr error
	select {
	case <-ctx.Done():
	case <-d.ending.Done():
	case serveErr = <-served: // the socket is lost: nobody could ever talk to this daemon again
		served <- serveErr
	}
	d.endNow()
	<-dispatched
	d.stopRuns()
	d.runners.Wait()
	d.farewell.say(farewellTime)
	stopServing()
	serveErr = <-served
	d.followers.wait()
	d.logger.Info("stopped", "error", serveErr)
	return serveErr
}

// LogsDirectory is where the daemon's and the workers' logs are.
func LogsDirectory(home string) string { return filepath.Join(home, "logs") }

func adaptersDirectory(home string) string { return filepath.Join(home, "adapters") }
