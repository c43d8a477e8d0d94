package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
		Short:  "Run one job for the daemon, which speaks frames on descriptors 3 and 4",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			orders, events := os.NewFile(frame.OrderDescriptor, "orders"), os.NewFile(frame.EventDescriptor, "events")
			if _, err := orders.Stat(); err != nil {
				return &usageError{message: "worker is started by the daemon, not by hand"}
			}
			return work(command.Context(), orders, events)
		},
	}
}

// errDaemonGone ends a worker whose daemon has died: nobody is left to report to.
var errDaemonGone = errors.New("the daemon is gone")

// work runs the job that orders names and reports on events. It returns an error only when it could not report.
func work(ctx context.Context, orders io.Reader, events io.Writer) error {
	reader, writer := frame.NewReader(orders), frame.NewWriter(events)
	var order frame.Order
	if err := reader.Read(&order); err != nil {
		return fmt.Errorf("read the start order: %w", err)
	}
	if order.Start == nil {
		return errors.New("the first order is not a start")
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go obey(reader, stop)
	go beat(ctx, writer)

	result, err := train(ctx, order.Start, &reporter{writer: writer, stop: stop, told: order.Start.Told})
	switch {
	case err == nil:
		done := &frame.Done{Summary: result.Summary, Files: result.Saved.Files, SizeBytes: result.Saved.SizeBytes, SHA256: result.Saved.SHA256}
		return writer.Write(&frame.Event{Done: done})
	case errors.Is(context.Cause(ctx), errDaemonGone):
		return errDaemonGone
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

// obey reads orders until the stream ends: at a cancel, or at the end, which is the daemon's, the job stops.
func obey(reader *frame.Reader, stop context.CancelCauseFunc) {
	for {
		var order frame.Order
		if err := reader.Read(&order); err != nil {
			stop(errDaemonGone)
			return
		}
		if order.Cancel != nil {
			stop(context.Canceled)
		}
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

// reporter turns what the engine tells into frames. When they can no longer be written, the daemon is gone.
type reporter struct {
	writer *frame.Writer
	stop   context.CancelCauseFunc
	told   int // steps that the job's worker before this one has told of
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

func (r *reporter) Log(message string, warning bool) {
	r.send(&frame.Event{Log: &frame.Log{Message: message, Warning: warning}})
}
