package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/engine"
)

// heartbeatEvery is how often a worker shows that it lives: compilation and evaluation can be silent for long.
const heartbeatEvery = 5 * time.Second

// newWorkerCommand is what the daemon starts for each running job; nobody calls it by hand.
func newWorkerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "worker",
		Short:  "Run one job for the daemon, which speaks frames on descriptor 3",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			stream, err := inheritedStream()
			if err != nil {
				return &usageError{message: "worker is started by the daemon, not by hand"}
			}
			defer stream.Close()
			return work(command.Context(), stream)
		},
	}
}

// inheritedStream is the socket that this process was started with. Processes that it starts do not inherit it in turn:
// they would hide its end from the daemon.
func inheritedStream() (net.Conn, error) {
	file := os.NewFile(frame.Descriptor, "the stream of the daemon")
	defer file.Close() // the connection has a descriptor of its own
	return net.FileConn(file)
}

// errDaemonGone ends a worker whose daemon has died: nobody is left to report to.
var errDaemonGone = errors.New("the daemon is gone")

// work runs the job that the stream orders and reports on it there. It returns an error only when it could not report.
//
// The end of interrupted, which is SIGTERM, pauses the job: that is what a system which shuts down sends to all processes at
// once, and the job is to go on when it is up again.
func work(interrupted context.Context, stream io.ReadWriter) error {
	reader, writer := frame.NewReader(stream), frame.NewWriter(stream)
	var order frame.Order
	if err := reader.Read(&order); err != nil {
		return fmt.Errorf("read the start order: %w", err)
	}
	if order.Start == nil {
		return errors.New("the first order is not a start")
	}
	ctx, stop := context.WithCancelCause(context.WithoutCancel(interrupted))
	defer stop(nil)
	defer context.AfterFunc(interrupted, func() { stop(engine.ErrPause) })()
	r := &reporter{writer: writer, stop: stop, told: order.Start.Told, stored: make(chan struct{}, 1), gone: make(chan struct{})}
	go r.obey(reader)
	beating, stopBeating := context.WithCancel(context.WithoutCancel(interrupted)) // until the end: to stop can take a while
	defer stopBeating()
	go beat(beating, writer)

	result, err := train(ctx, order.Start, r)
	var paused *engine.PausedError
	switch {
	case err == nil:
		done := &frame.Done{Summary: result.Summary, Files: result.Saved.Files, SizeBytes: result.Saved.SizeBytes, SHA256: result.Saved.SHA256}
		return writer.Write(&frame.Event{Done: done})
	case errors.Is(context.Cause(ctx), errDaemonGone), r.daemonIsGone():
		return errDaemonGone
	case errors.As(err, &paused):
		return writer.Write(&frame.Event{Paused: &frame.Paused{Step: paused.Step}})
	default:
		return writer.Write(&frame.Event{Failed: failure(ctx, err)})
	}
}

func train(ctx context.Context, start *frame.Start, observer engine.Observer) (*engine.Result, error) {
	home, err := rpc.Home()
	if err != nil {
		return nil, err
	}
	return engine.Train(ctx, engine.Job{
		Model: start.Model, ModelName: start.ModelName, TrainData: start.TrainData, ValData: start.ValData, InitAdapter: start.InitAdapter,
		Output: start.Output, Device: start.Device, PluginDir: filepath.Join(home, "pjrt"), Config: start.Config, Reasons: start.Reasons,
		Checkpoints: start.Checkpoints, CacheDir: start.Cache, Build: buildID(), Created: start.CreatedAt, Before: engine.Before(start.Before),
	}, observer)
}

// failure says why a job ended. A cancelled one ends with its context's error.
func failure(ctx context.Context, err error) *protocol.Error {
	var known *protocol.Error
	switch {
	case errors.As(err, &known):
		return known
	case ctx.Err() != nil:
		return protocol.NewError(protocol.CodeCancelled, "the job was cancelled")
	default:
		return protocol.NewError(protocol.CodeInternal, "%v", err)
	}
}

func beat(ctx context.Context, writer *frame.Writer) {
	ticker := time.NewTicker(heartbeatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if writer.Write(&frame.Event{Heartbeat: &frame.Heartbeat{MemoryBytes: engine.ResidentBytes()}}) != nil {
				return
			}
		}
	}
}

// reporter turns what the engine tells into frames, and obeys those of the daemon. When they can no longer be written or
// read, the daemon is gone.
type reporter struct {
	writer *frame.Writer
	stop   context.CancelCauseFunc // the first cause holds
	told   int                     // steps that the job's worker before this one has told of
	stored chan struct{}           // the daemon's answer to a sync
	gone   chan struct{}           // closed at the end of the daemon's orders
}

// obey reads orders until the stream ends: at a pause, at a cancel, or at the end, which is the daemon's, the job stops.
// A cancel does not hurry a job that is pausing already: the daemon knows what it wants of it, and waits only so long.
func (r *reporter) obey(reader *frame.Reader) {
	defer close(r.gone)
	for {
		var order frame.Order
		if err := reader.Read(&order); err != nil {
			r.stop(errDaemonGone)
			return
		}
		switch {
		case order.Pause != nil:
			r.stop(engine.ErrPause)
		case order.Cancel != nil:
			r.stop(context.Canceled)
		case order.Stored != nil:
			select {
			case r.stored <- struct{}{}:
			default: // nobody has asked
			}
		}
	}
}

// daemonIsGone reports whether the orders have ended, be it while the job paused.
func (r *reporter) daemonIsGone() bool {
	select {
	case <-r.gone:
		return true
	default:
		return false
	}
}

func (r *reporter) send(event *frame.Event) {
	if r.writer.Write(event) != nil {
		r.stop(errDaemonGone)
	}
}

func (r *reporter) Phase(phase protocol.Phase) {
	r.send(&frame.Event{Phase: &frame.Phase{Phase: phase}})
}

func (r *reporter) Plan(plan *protocol.Plan) { r.send(&frame.Event{Plan: plan}) }

func (r *reporter) Progress(phase protocol.Phase, percent float64) {
	r.send(&frame.Event{Phase: &frame.Phase{Phase: phase, Percent: percent}})
}

// Step leaves out what is known: a worker that goes on from a checkpoint takes the steps after it again, to the same end.
func (r *reporter) Step(metrics *protocol.TrainingMetrics) {
	if metrics.Step > r.told {
		r.send(&frame.Event{Metrics: metrics})
	}
}

func (r *reporter) Evaluated(evaluation protocol.Evaluation) {
	if evaluation.Step >= r.told {
		r.send(&frame.Event{Eval: &evaluation})
	}
}

// Sync waits until the daemon has stored everything that it was told.
func (r *reporter) Sync(ctx context.Context) error {
	r.send(&frame.Event{Sync: &frame.Sync{}})
	select {
	case <-r.stored:
		return nil
	case <-r.gone:
		return errDaemonGone
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *reporter) Memory(bytes int64) { r.send(&frame.Event{Memory: &frame.Memory{Bytes: bytes}}) }

func (r *reporter) Log(message string, warning bool) {
	r.send(&frame.Event{Log: &frame.Log{Message: message, Warning: warning}})
}
