package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/shannon-labs/scu/daemon"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
	"github.com/shannon-labs/scu/rpc"
	"github.com/shannon-labs/scu/trainer/plan"
)

// The base models of a pretending daemon say how their jobs end.
const (
	modelGood = "good" // completes after pretendedSteps steps
	modelBad  = "bad"  // fails after the first
	modelSlow = "slow" // goes on until it is cancelled
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
	return daemon.Run(ctx, daemon.Options{
		Home: home, Version: version, BuildID: buildID(), Device: "cpu",
		Planner: acceptingPlanner{}, Launcher: pretendingLauncher{},
		MinFreeBytes: 1 << 20, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}

type acceptingPlanner struct{}

func (acceptingPlanner) Prepare(_ context.Context, _ string, spec protocol.JobSpec) (*plan.Prepared, *protocol.Error) {
	return &plan.Prepared{ModelPath: spec.BaseModel, Config: protocol.SCUConfig{TargetS: 0.01}}, nil
}

func (acceptingPlanner) Estimate(context.Context, string, protocol.JobSpec) (*protocol.Plan, *protocol.Error) {
	return &protocol.Plan{
		TotalSteps: pretendedSteps, Config: protocol.SCUConfig{TargetS: 0.01, LoraR: 8},
		Reasons: map[string]string{"lora_r": "the reason"}, Warnings: []string{"few rows"},
	}, nil
}

type pretendingLauncher struct{}

func (pretendingLauncher) Launch(_ context.Context, start frame.Start) (supervise.Worker, error) {
	w := &pretendingWorker{events: make(chan frame.Event), cancelled: make(chan struct{})}
	go w.work(start)
	return w, nil
}

// pretendingWorker is a supervise.Worker without a process.
type pretendingWorker struct {
	events    chan frame.Event
	cancelled chan struct{}
	once      sync.Once
	outcome   supervise.Outcome // to be read once events is closed
}

func (w *pretendingWorker) Events() <-chan frame.Event { return w.events }
func (w *pretendingWorker) Cancel(string)              { w.once.Do(func() { close(w.cancelled) }) }
func (w *pretendingWorker) Wait() supervise.Outcome    { return w.outcome }

func (w *pretendingWorker) work(start frame.Start) {
	defer close(w.events)
	w.events <- frame.Event{Phase: &frame.Phase{Phase: protocol.PhaseTraining}}
	w.events <- frame.Event{Plan: &protocol.Plan{TotalSteps: pretendedSteps, Config: protocol.SCUConfig{TargetS: 0.01}}}
	w.events <- frame.Event{Log: &frame.Log{Message: "a line for a person"}}
	for step := 1; step <= pretendedSteps; step++ {
		w.events <- frame.Event{Metrics: &protocol.TrainingMetrics{
			Step: step, DataBPT: protocol.Float(4 - step), SRatio: 0.01, SSmoothed: 0.01, LambdaValue: 1,
			GradNorm: protocol.NaN(), TokensPerSecond: 100, EtaMinutes: 0.5, CreatedAt: time.Now().UTC(),
		}}
		switch filepath.Base(start.Model) {
		case modelBad:
			w.outcome = supervise.Outcome{Kind: supervise.Failed, Error: protocol.NewError(protocol.CodeNonFinite, "the loss went wrong").WithHint("lower the learning rate")}
			return
		case modelSlow:
			<-w.cancelled
			w.outcome = supervise.Outcome{Kind: supervise.Cancelled}
			return
		}
	}
	w.outcome = finish(start)
}

// finish writes an adapter as a worker does.
func finish(start frame.Start) supervise.Outcome {
	files := map[string]string{"adapter_config.json": "{}", weightsFile: pretendedWeights}
	err := os.MkdirAll(start.Output, 0o700)
	done := &frame.Done{SHA256: sumOf(pretendedWeights)}
	for name, content := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(start.Output, name), []byte(content), 0o600))
		done.Files = append(done.Files, name)
		done.SizeBytes += int64(len(content))
	}
	if err != nil {
		return supervise.Outcome{Kind: supervise.Crashed, Error: protocol.NewError(protocol.CodeInternal, "%v", err)}
	}
	before, after := protocol.Float(4), protocol.Float(2)
	done.Summary = protocol.RunSummary{
		Steps: pretendedSteps, BaseValDataBPT: &before, ValDataBPT: &after, FinalSSmoothed: 0.01, TargetS: 0.01, FinalLambda: 1, TokensPerSecond: 100,
	}
	return supervise.Outcome{Kind: supervise.Done, Done: done}
}

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// trainArguments is a command line that trains one of the models above.
func trainArguments(model, name string, more ...string) []string {
	return append(strings.Fields("train --base-model "+model+" --dataset rows.jsonl --name "+name), more...)
}
