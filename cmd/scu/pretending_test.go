package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/shannon-labs/scu/daemon"
	"github.com/shannon-labs/scu/daemon/schedule"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/plan"
	"golang.org/x/sys/unix"
)

// The base models of a pretending daemon say how their jobs end.
const (
	modelGood    = "good"    // completes after pretendedSteps steps
	modelBad     = "bad"     // fails after the first
	modelSlow    = "slow"    // takes one, and waits until it is paused or cancelled
	modelFragile = "fragile" // the first worker dies after the first, and the next one goes on
)

const (
	pretendedSteps   = 3
	pretendedWeights = "the weights"
)

// pretendingDaemon is the real daemon, with its store and socket, whose planner accepts everything and whose workers
// only say that they train.
func pretendingDaemon() error {
	home, err := rpc.Home()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	settings, err := loadConfig(home)
	if err != nil {
		return err
	}
	settings.Storage.MinFree = 1 << 20
	return daemon.Run(ctx, daemon.Options{
		Home: home, Version: version, BuildID: buildID(), Config: settings,
		Planner: acceptingPlanner{}, Launcher: pretendingLauncher{},
		Devices: []schedule.Device{{Name: "cpu", Kind: "cpu", Memory: 1 << 30}},
		Logger:  slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}

type acceptingPlanner struct{}

func (acceptingPlanner) Prepare(_ context.Context, _ string, spec protocol.JobSpec, _ string) (*plan.Prepared, *protocol.Error) {
	return &plan.Prepared{ModelPath: spec.BaseModel, Config: protocol.SCUConfig{TargetS: 0.01}}, nil
}

func (acceptingPlanner) Estimate(context.Context, string, protocol.JobSpec, string) (*protocol.Plan, *protocol.Error) {
	return &protocol.Plan{
		TotalSteps: pretendedSteps, Config: protocol.SCUConfig{TargetS: 0.01, LoraR: 8},
		Reasons: map[string]string{"lora_r": "the reason"}, Warnings: []string{"few rows"},
	}, nil
}

// pretendingLauncher starts goroutines in the place of processes.
type pretendingLauncher struct{}

func (pretendingLauncher) Launch(context.Context, supervise.Order) (supervise.Process, error) {
	stream, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	w := &pretendingWorker{stream: stream, orders: frame.NewReader(theirs), events: frame.NewWriter(theirs), ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		defer theirs.Close()
		w.err = w.work()
	}()
	return w, nil
}

// socketPair is the two ends of a stream.
func socketPair() (near, far net.Conn, err error) {
	descriptors, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	ends := make([]net.Conn, len(descriptors))
	for n, descriptor := range descriptors {
		file := os.NewFile(uintptr(descriptor), "stream")
		var fileErr error
		ends[n], fileErr = net.FileConn(file) // which has a descriptor of its own
		err = errors.Join(err, fileErr, file.Close())
	}
	return ends[0], ends[1], err
}

// pretendingWorker is a supervise.Process without one.
type pretendingWorker struct {
	stream net.Conn
	orders *frame.Reader
	events *frame.Writer
	ended  chan struct{}
	err    error // to be read once ended is closed
	code   int   // likewise: with which it ends
}

func (w *pretendingWorker) Stream() net.Conn { return w.stream }
func (w *pretendingWorker) Terminate()       { _ = w.stream.Close() } // its work does not get any further then
func (w *pretendingWorker) Kill()            { _ = w.stream.Close() }

func (w *pretendingWorker) Wait() supervise.Exit {
	<-w.ended
	return supervise.Exit{Err: w.err, Code: w.code}
}

func (w *pretendingWorker) say(event frame.Event) error { return w.events.Write(&event) }

func (w *pretendingWorker) work() error {
	var order frame.Order
	if err := w.orders.Read(&order); err != nil {
		return err
	}
	start := order.Start
	err := errors.Join(
		w.say(frame.Event{Phase: &frame.Phase{Phase: protocol.PhaseTraining}}),
		w.say(frame.Event{Plan: &protocol.Plan{TotalSteps: pretendedSteps, Config: protocol.SCUConfig{TargetS: 0.01}}}),
		w.say(frame.Event{Log: &frame.Log{Message: "a line for a person"}}))
	for step := start.Told + 1; step <= pretendedSteps; step++ {
		err = errors.Join(err, w.say(frame.Event{Metrics: &protocol.TrainingMetrics{
			Step: step, DataBPT: protocol.Float(4 - step), SRatio: 0.01, SSmoothed: 0.01, LambdaValue: 1,
			GradNorm: protocol.NaN(), TokensPerSecond: 100, EtaMinutes: 0.5, CreatedAt: time.Now().UTC(),
		}}))
		switch filepath.Base(start.Model) {
		case modelBad:
			return errors.Join(err, w.say(frame.Event{Failed: protocol.NewError(protocol.CodeNonFinite, "the loss went wrong").WithHint("lower the learning rate")}))
		case modelSlow:
			return errors.Join(err, w.stopWhenAsked(step))
		case modelFragile:
			if step == 1 {
				w.code = 3
				return err
			}
		}
	}
	done, doneErr := finish(start)
	if err = errors.Join(err, doneErr); err != nil {
		return err
	}
	return w.say(frame.Event{Done: done})
}

// stopWhenAsked ends the work at a step, in the way that is asked for.
func (w *pretendingWorker) stopWhenAsked(step int) error {
	var order frame.Order
	if err := w.orders.Read(&order); err != nil {
		return err
	}
	if order.Pause != nil {
		return w.say(frame.Event{Paused: &frame.Paused{Step: step}})
	}
	return w.say(frame.Event{Failed: protocol.NewError(protocol.CodeCancelled, "the job was cancelled")})
}

// finish writes an adapter as a worker does.
func finish(start *frame.Start) (*frame.Done, error) {
	files := map[string]string{"adapter_config.json": "{}", weightsFile: pretendedWeights}
	err := os.MkdirAll(start.Output, 0o700)
	done := &frame.Done{SHA256: sumOf(pretendedWeights)}
	for name, content := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(start.Output, name), []byte(content), 0o600))
		done.Files = append(done.Files, name)
		done.SizeBytes += int64(len(content))
	}
	before, after := protocol.Float(4), protocol.Float(2)
	done.Summary = protocol.RunSummary{
		Steps: pretendedSteps, BaseValDataBPT: &before, ValDataBPT: &after, FinalSSmoothed: 0.01, TargetS: 0.01, FinalLambda: 1, TokensPerSecond: 100,
	}
	return done, err
}

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// trainArguments is a command line that trains one of the models above.
func trainArguments(model, name string, more ...string) []string {
	return append(strings.Fields("train --base-model "+model+" --dataset rows.jsonl --name "+name), more...)
}
