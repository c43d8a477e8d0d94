package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shannon-labs/scu/daemon/config"
	"github.com/shannon-labs/scu/daemon/schedule"
	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/durable"
	"github.com/shannon-labs/scu/trainer/plan"
)

// Planner turns what a user asks for into what a worker can run on a kind of device, or says what is wrong with it.
type Planner interface {
	// Prepare finds the model, resolves the configuration and checks the data. Paths in the result are absolute.
	Prepare(ctx context.Context, home string, spec protocol.JobSpec, deviceKind string) (*plan.Prepared, *protocol.Error)
	// Estimate makes the plan of a dry run.
	Estimate(ctx context.Context, home string, spec protocol.JobSpec, deviceKind string) (*protocol.Plan, *protocol.Error)
}

// Options say how a daemon runs. All but Reloads, Ready, FreeBytes and Logger must be set.
type Options struct {
	Home     string // the state directory, absolute; made if there is none
	Version  string // of the program
	BuildID  string // tells builds of one version apart
	Planner  Planner
	Launcher supervise.Launcher
	Devices  []schedule.Device // that workers may use, the preferred one first; at least one
	Config   *config.Config

	Reloads   <-chan *config.Config       // configurations to go on with; nil means that it never changes
	Ready     func()                      // called once, when the socket is served
	FreeBytes func(string) (int64, error) // of a directory's file system; nil asks the system
	Logger    *slog.Logger                // nil means slog.Default()
}

// daemon is the state of one Run.
type daemon struct {
	options    Options
	config     atomic.Pointer[config.Config] // that holds now
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
	keepers   sync.WaitGroup // of the house
	storeFile fs.FileInfo    // of the job store, as it was opened
	followers followers
	farewell  farewell

	mu         sync.Mutex
	queue      *schedule.Scheduler
	running    map[string]*run // by job id
	creating   int             // calls in progress that put a job into the queue
	promised   map[string]int  // places in it that they will take, by the jobs' owner
	closing    string          // protocol.Shutdown…, once the end was asked for
	diskLow    bool
	blocked    int                      // writes that wait until the job store can be written
	storeGone  bool                     // the job store's file is another one now, or none
	orphans    map[string]*store.Record // jobs that the daemon before has left as running, by id, which the store cannot change yet
	diskPaused map[string]int64         // jobs that are paused for want of disk space, by id, and how much must be free for them
}

// Run serves until ctx ends or a client asks for the end. It returns nil in both cases, after every worker has ended
// and everything is on disk. A home that another daemon serves gives an *rpc.AlreadyRunningError.
func Run(ctx context.Context, o Options) (err error) {
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if o.FreeBytes == nil {
		o.FreeBytes = durable.FreeBytes
	}
	listener, err := rpc.Listen(o.Home)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, listener.Close()) }()
	for _, directory := range []string{adaptersDirectory(o.Home), LogsDirectory(o.Home), LocksDirectory(o.Home)} {
		if err := os.MkdirAll(directory, 0o700); err != nil {
			return fmt.Errorf("prepare the home: %w", err)
		}
	}
	hub := newHub()
	jobs, err := store.Open(ctx, StorePath(o.Home), store.Options{Changed: hub.publish})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, jobs.Close()) }()
	d := newDaemon(o, jobs, hub, listener.Path())
	if d.storeFile, err = os.Stat(StorePath(o.Home)); err != nil {
		return fmt.Errorf("look at the job store: %w", err)
	}
	if err := d.recover(ctx); err != nil {
		return err
	}
	d.lookAtDisk() // before the first job starts
	return d.serve(ctx, listener)
}

func newDaemon(o Options, jobs *store.Store, hub *hub, socket string) *daemon {
	d := &daemon{
		options: o, logger: o.Logger, store: jobs, hub: hub, instanceID: newID("daemon"), socket: socket, startedAt: time.Now().UTC(),
		wake: make(chan struct{}, 1), running: map[string]*run{}, diskPaused: map[string]int64{}, orphans: map[string]*store.Record{}, promised: map[string]int{},
		followers: newFollowers(), farewell: newFarewell(),
	}
	d.config.Store(o.Config)
	d.queue = schedule.New(o.Devices, d.policyOf(o.Config))
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
	d.keepers.Go(d.watchDisk)
	d.keepers.Go(d.keepHouse)
	d.logger.Info("serving", "socket", d.socket, "home", d.options.Home, "version", d.options.Version, "pid", os.Getpid())
	if d.options.Ready != nil {
		d.options.Ready()
	}
	serveErr := d.awaitEnd(ctx, served)
	<-dispatched
	d.stopRuns()
	d.runners.Wait()
	d.keepers.Wait()
	d.farewell.say(farewellTime)
	stopServing()
	serveErr = errors.Join(serveErr, <-served)
	d.followers.wait()
	d.logger.Info("stopped", "error", serveErr)
	return serveErr
}

// awaitEnd returns when the daemon is to end, with the error for which it is if there is one. Until then it takes new
// configurations.
func (d *daemon) awaitEnd(ctx context.Context, served chan error) (err error) {
	defer d.endNow()
	for {
		select {
		case config := <-d.options.Reloads:
			d.reload(config)
		case <-ctx.Done():
			d.close(protocol.ShutdownNow)
			return nil
		case <-d.ending.Done():
			return nil
		case err := <-served: // the socket is lost: nobody could ever talk to this daemon again
			served <- nil
			return err
		}
	}
}

// StorePath is the job store's file.
func StorePath(home string) string { return filepath.Join(home, "scu.db") }

// LogsDirectory is where the daemon's and the workers' logs are.
func LogsDirectory(home string) string { return filepath.Join(home, "logs") }

// LocksDirectory is where each worker holds its job's lock.
func LocksDirectory(home string) string { return filepath.Join(home, "locks") }

func adaptersDirectory(home string) string { return filepath.Join(home, "adapters") }
