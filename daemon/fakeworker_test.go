package daemon

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
)

// fakeWorker speaks as a worker does and follows the script that it finds as its training data.
func fakeWorker() {
	orders := frame.NewReader(os.NewFile(frame.OrderDescriptor, "orders"))
	events := frame.NewWriter(os.NewFile(frame.EventDescriptor, "events"))
	say := func(event frame.Event) { must(events.Write(&event)) }
	var order frame.Order
	must(orders.Read(&order))
	start := order.Start
	text, err := os.ReadFile(start.TrainData)
	must(err)
	var s script
	must(json.Unmarshal(text, &s))
	noteStart(start.TrainData)
	parts := beginFit(start, say)
	go obey(orders, say)

	temporary := filepath.Join(filepath.Dir(start.Output), ".tmp-"+filepath.Base(start.Output))
	must(os.Mkdir(temporary, 0o700))
	say(frame.Event{Phase: &frame.Phase{Phase: protocol.PhaseLoading}})
	if start.Config.PriorSigma != 0 {
		must(fmt.Errorf("started with prior_sigma %g, which is a plan's and not what was asked for", start.Config.PriorSigma))
	}
	settled := start.Config
	settled.PriorSigma = 0.5
	settled.GradAccum *= parts
	say(frame.Event{Plan: &protocol.Plan{Config: settled, TotalSteps: s.Steps, TargetTokens: 100}})
	say(frame.Event{Log: &frame.Log{Message: "few rows", Warning: true}})
	say(frame.Event{Log: &frame.Log{Message: "model " + start.Model + " on " + start.Device}})
	say(frame.Event{Phase: &frame.Phase{Phase: protocol.PhaseTraining}})
	last := s.Steps
	if parts < s.NeedsParts {
		last = min(last, start.Told+2)
	}
	for step := start.Told + 1; step <= last; step++ {
		say(frame.Event{Metrics: &protocol.TrainingMetrics{Step: step, DataBPT: 2, EtaMinutes: 1, Tokens: 10, CreatedAt: time.Now()}})
	}
	if parts < s.NeedsParts {
		must(os.MkdirAll(start.Checkpoints, 0o700))
		fmt.Fprintln(os.Stderr, "scu: out of memory: an allocation of 8388608 bytes failed")
		os.Exit(2) // as the Go runtime does when a library aborts
	}
	if s.Forget {
		time.Sleep(5 * time.Minute) // obey ends it long before
	}
	if s.Gate != "" {
		gate, err := os.Open(s.Gate)
		must(err)
		must(gate.Close())
	}
	fmt.Fprintln(os.Stderr, "the worker comes to its end")
	if s.FailFirst && start.Told == 0 {
		must(os.MkdirAll(start.Checkpoints, 0o700))
		say(frame.Event{Failed: protocol.NewError(protocol.CodeWorkerCrashed, "the first attempt fails")})
		return
	}
	switch s.End {
	case "":
		must(os.WriteFile(filepath.Join(temporary, "adapter_config.json"), []byte("{}"), 0o600))
		must(os.Rename(temporary, start.Output))
		say(frame.Event{Done: &frame.Done{
			Summary: protocol.RunSummary{Steps: s.Steps, FinalS: protocol.NaN()}, Files: []string{"adapter_config.json"}, SizeBytes: 2, SHA256: "abc"}})
	case "lie":
		say(frame.Event{Done: &frame.Done{Files: []string{"adapter_config.json"}}})
	case "fail":
		say(frame.Event{Failed: protocol.NewError(protocol.CodeNonFinite, "the loss is not finite at step 3")})
	case "repeat":
		say(frame.Event{Metrics: &protocol.TrainingMetrics{Step: s.Steps, Tokens: 10}})
		time.Sleep(5 * time.Minute) // obey ends it long before
	case "crash":
		os.Exit(3)
	case "exit 0":
	default:
		must(fmt.Errorf("unknown end %q", s.End))
	}
}

// beginFit is in how many parts a worker runs its micro-batches, of four blocks: one more halving than the worker before it
// that died because memory ran out. It ends where there is none.
func beginFit(start *frame.Start, say func(frame.Event)) int {
	parts := max(1, start.Before.Parts)
	if start.Before.OutOfMemory == "" {
		return parts
	}
	if 2*parts > 4 {
		say(frame.Event{Failed: protocol.NewError(protocol.CodeOutOfMemory, "one block at a time does not fit").WithHint("lower block_size")})
		os.Exit(1)
	}
	return 2 * parts
}

// obey stops the worker when the daemon says so or is gone.
func obey(orders *frame.Reader, say func(frame.Event)) {
	var order frame.Order
	if err := orders.Read(&order); err != nil {
		os.Exit(4)
	}
	say(frame.Event{Failed: protocol.NewError(protocol.CodeCancelled, "%s", order.Cancel.Reason)})
	os.Exit(1)
}

func noteStart(path string) {
	file, err := os.OpenFile(path+".starts", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	must(err)
	_, err = fmt.Fprintln(file, os.Getpid())
	must(err)
	must(file.Close())
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake worker:", err)
		os.Exit(9)
	}
}
