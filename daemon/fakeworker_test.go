package daemon

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
	"github.com/shannon-labs/scu/trainer/checkpoint"
)

// fake speaks as a worker does and follows the script that it finds as its training data.
type fake struct {
	script
	start       *frame.Start
	orders      *frame.Reader
	events      *frame.Writer
	stored      chan struct{} // an answer to a sync
	told        chan struct{} // closed when it is told to pause
	parts       int
	attempt     int // 1 is the first worker of the job
	checkpoints *checkpoint.Directory
	step        int // done
	temporary   string
}

func fakeWorker() {
	stream := os.NewFile(frame.Descriptor, "stream")
	w := &fake{
		orders: frame.NewReader(stream), events: frame.NewWriter(stream),
		stored: make(chan struct{}, 1), told: make(chan struct{}),
	}
	var order frame.Order
	must(w.orders.Read(&order))
	w.start = order.Start
	text, err := os.ReadFile(w.start.TrainData)
	must(err)
	must(json.Unmarshal(text, &w.script))
	w.attempt = noteStart(w.start.TrainData)
	w.beginFit()
	go w.obey()
	w.begin()
	w.train()
	w.end()
}

func (w *fake) say(event frame.Event) { must(w.events.Write(&event)) }

// begin says what a worker says before its first step, and goes to where the last checkpoint is.
func (w *fake) begin() {
	w.temporary = filepath.Join(filepath.Dir(w.start.Output), ".tmp-"+filepath.Base(w.start.Output))
	must(os.Mkdir(w.temporary, 0o700))
	var err error
	w.checkpoints, err = checkpoint.Open(w.start.Checkpoints)
	must(err)
	newest, _, err := w.checkpoints.Newest()
	must(err)
	if newest != nil {
		w.step = newest.State.Step
	}
	w.say(frame.Event{Phase: &frame.Phase{Phase: protocol.PhaseLoading}})
	if w.start.Config.PriorSigma != 0 {
		must(fmt.Errorf("started with prior_sigma %g, which is a plan's and not what was asked for", w.start.Config.PriorSigma))
	}
	settled := w.start.Config
	settled.PriorSigma = 0.5
	settled.GradAccum *= w.parts
	w.say(frame.Event{Plan: &protocol.Plan{Config: settled, TotalSteps: w.Steps, TargetTokens: 100}})
	w.say(frame.Event{Log: &frame.Log{Message: "few rows", Warning: true}})
	w.say(frame.Event{Log: &frame.Log{Message: "model " + w.start.Model + " on " + w.start.Device}})
	w.say(frame.Event{Phase: &frame.Phase{Phase: protocol.PhaseTraining}})
}

// train takes the steps.
func (w *fake) train() {
	last := w.Steps
	if w.parts < w.NeedsParts {
		last = min(last, w.start.Told+2)
	}
	for w.step < last {
		w.step++
		if w.step > w.start.Told {
			w.say(frame.Event{Metrics: &protocol.TrainingMetrics{Step: w.step, DataBPT: 2, EtaMinutes: 1, Tokens: 10, CreatedAt: time.Now()}})
		}
		if w.step == 1 && w.Memory > 0 {
			w.say(frame.Event{Memory: &frame.Memory{Bytes: w.Memory}})
		}
		if w.CheckpointEvery > 0 && w.step%w.CheckpointEvery == 0 {
			w.writeCheckpoint()
		}
		w.trip()
	}
	if w.parts < w.NeedsParts {
		fmt.Fprintln(os.Stderr, "scu: out of memory: an allocation of 8388608 bytes failed")
		os.Exit(2) // as the Go runtime does when a library aborts
	}
}

// trip is what goes wrong after a step.
func (w *fake) trip() {
	first := w.attempt == 1
	if w.attempt <= len(w.CrashAt) && w.step == w.CrashAt[w.attempt-1] {
		w.sync() // what was told arrives
		fmt.Fprintf(os.Stderr, "it broke at step %d\n", w.step)
		os.Exit(3)
	}
	if first && w.step == w.DiskFullAt {
		failure := protocol.NewError(protocol.CodeOutOfDisk, "there is no room for a checkpoint")
		failure.Retryable = true
		w.say(frame.Event{Failed: failure})
		os.Exit(1)
	}
	if first && w.step == w.StandAt {
		w.await()
	}
}

// await stands still until the worker is told to stop, which may happen here only.
func (w *fake) await() {
	select {
	case <-w.told:
		w.pause()
	case <-time.After(5 * time.Minute): // obey ends it long before
	}
}

func (w *fake) pause() {
	if w.DeafToPause {
		time.Sleep(5 * time.Minute) // obey ends it long before
	}
	w.writeCheckpoint()
	w.say(frame.Event{Paused: &frame.Paused{Step: w.step}})
	os.Exit(0)
}

// sync returns when what was said is stored.
func (w *fake) sync() {
	w.say(frame.Event{Sync: &frame.Sync{}})
	<-w.stored
}

func (w *fake) writeCheckpoint() {
	w.sync()
	must(w.checkpoints.Write(&checkpoint.Checkpoint{
		State:   checkpoint.State{Step: w.step, TotalSteps: max(1, w.Steps), TargetTokens: 1, Parts: 1, PriorSigma: 1},
		Vectors: checkpoint.Vectors{Adapter: []float32{1}, First: []float32{1}, Second: []float32{1}},
	}, 2))
}

// end says the last word.
func (w *fake) end() {
	if w.Forget {
		w.await()
	}
	if w.Gate != "" {
		gate, err := os.Open(w.Gate)
		must(err)
		must(gate.Close())
	}
	fmt.Fprintln(os.Stderr, "the worker comes to its end")
	if w.FailFirst && w.start.Told == 0 {
		w.say(frame.Event{Failed: protocol.NewError(protocol.CodeWorkerCrashed, "the first attempt fails")})
		return
	}
	if w.End == "repeat, then done" {
		w.say(frame.Event{Metrics: &protocol.TrainingMetrics{Step: w.Steps, Tokens: 10}})
	}
	switch w.End {
	case "", "repeat, then done":
		must(os.WriteFile(filepath.Join(w.temporary, "adapter_config.json"), []byte("{}"), 0o600))
		must(os.Rename(w.temporary, w.start.Output))
		w.say(frame.Event{Done: &frame.Done{
			Summary: protocol.RunSummary{Steps: w.Steps, FinalS: protocol.NaN()}, Files: []string{"adapter_config.json"}, SizeBytes: 2, SHA256: "abc"}})
	case "lie":
		w.say(frame.Event{Done: &frame.Done{Files: []string{"adapter_config.json"}}})
	case "fail":
		w.say(frame.Event{Failed: protocol.NewError(protocol.CodeNonFinite, "the loss is not finite at step 3")})
	case "repeat":
		w.say(frame.Event{Metrics: &protocol.TrainingMetrics{Step: w.Steps, Tokens: 10}})
		time.Sleep(5 * time.Minute) // obey ends it long before
	case "crash":
		os.Exit(3)
	case "exit 0":
	default:
		must(fmt.Errorf("unknown end %q", w.End))
	}
}

// beginFit is in how many parts the worker runs its micro-batches, of four blocks: one more halving than the worker before
// it that died because memory ran out. It ends where there is none.
func (w *fake) beginFit() {
	w.parts = max(1, w.start.Before.Parts)
	if w.start.Before.OutOfMemory == "" {
		return
	}
	if w.parts *= 2; w.parts > 4 {
		w.say(frame.Event{Failed: protocol.NewError(protocol.CodeOutOfMemory, "one block at a time does not fit").WithHint("lower block_size")})
		os.Exit(1)
	}
}

// obey stops the worker when the daemon says so or is gone. It pauses only where it stands.
func (w *fake) obey() {
	for {
		var order frame.Order
		if err := w.orders.Read(&order); err != nil {
			os.Exit(4)
		}
		switch {
		case order.Stored != nil:
			w.stored <- struct{}{}
		case order.Pause != nil:
			close(w.told)
			if w.End == "repeat" {
				os.Exit(1)
			}
		case order.Cancel != nil:
			w.say(frame.Event{Failed: protocol.NewError(protocol.CodeCancelled, "%s", order.Cancel.Reason)})
			os.Exit(1)
		}
	}
}

// noteStart adds this process to those that have run a job, and returns how many there are.
func noteStart(path string) int {
	file, err := os.OpenFile(path+".starts", os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	must(err)
	_, err = fmt.Fprintln(file, os.Getpid())
	must(err)
	must(file.Close())
	text, err := os.ReadFile(path + ".starts")
	must(err)
	return len(slices.Collect(strings.FieldsSeq(string(text))))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake worker:", err)
		os.Exit(9)
	}
}
