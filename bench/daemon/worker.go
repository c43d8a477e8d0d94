package main

import (
	"errors"
	"os"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
)

// What a job's settings mean to a worker that only pretends.
const (
	rowsSetting = "max_steps" // rows of metrics that it sends
	rateSetting = "seed"      // of them a second; 0 means as fast as they are taken
)

// runWorker sends metrics until it is told to end.
func runWorker() error {
	stream := os.NewFile(frame.Descriptor, "stream")
	orders, events := frame.NewReader(stream), frame.NewWriter(stream)
	var order frame.Order
	if err := orders.Read(&order); err != nil {
		return err
	}
	if order.Start == nil {
		return errors.New("the first order is no start")
	}
	go func() {
		if err := send(order.Start, events); err != nil {
			os.Exit(1) // the daemon is gone
		}
	}()
	return obey(orders, events)
}

func send(start *frame.Start, events *frame.Writer) error {
	settled := start.Config
	settled.PriorSigma = 0.02
	if err := events.Write(&frame.Event{Plan: &protocol.Plan{Config: settled, TotalSteps: start.Config.MaxSteps, TargetTokens: 1000}}); err != nil {
		return err
	}
	if err := events.Write(&frame.Event{Phase: &frame.Phase{Phase: protocol.PhaseTraining}}); err != nil {
		return err
	}
	began := time.Now()
	for row := start.Told + 1; row <= start.Config.MaxSteps; row++ {
		if start.Config.Seed > 0 {
			due := began.Add(time.Duration(row-start.Told) * time.Second / time.Duration(start.Config.Seed))
			time.Sleep(time.Until(due))
		}
		if err := events.Write(&frame.Event{Metrics: metricsOf(row)}); err != nil {
			return err
		}
	}
	return nil
}

// obey returns when the daemon has said that the worker is to end.
func obey(orders *frame.Reader, events *frame.Writer) error {
	for {
		var order frame.Order
		if err := orders.Read(&order); err != nil {
			return err
		}
		switch {
		case order.Pause != nil:
			return events.Write(&frame.Event{Paused: &frame.Paused{}})
		case order.Cancel != nil:
			return events.Write(&frame.Event{Failed: protocol.NewError(protocol.CodeCancelled, "%s", order.Cancel.Reason)})
		}
	}
}

// metricsOf is a row as a real step has it.
func metricsOf(step int) *protocol.TrainingMetrics {
	x := protocol.Float(step)
	return &protocol.TrainingMetrics{
		Step: step, Epoch: float64(step) / 1000, DataBPT: 2.5 + 1/x, ParamBPT: 0.02, TotalBPT: 2.52 + 1/x, SRatio: 0.0079, SSmoothed: 0.0081,
		LambdaValue: 1.25, Integral: 0.001 * x, LearningRate: 5e-4, Loss: 1.75, GradNorm: 0.87, Tokens: 2048, TargetTokens: 1024,
		TokensPerSecond: 512.5, EtaMinutes: 17.25, DeviceMemoryBytes: 1 << 30, CreatedAt: time.Now().UTC(),
	}
}
