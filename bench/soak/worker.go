package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
	"github.com/shannon-labs/scu/trainer/checkpoint"
)

// worker is the process that pretends to train. It does with files and frames what a real one does, and takes its steps in
// milliseconds.
type worker struct {
	script      *script
	start       *frame.Start
	orders      *frame.Reader
	events      *frame.Writer
	stored      chan struct{} // an answer to a sync
	pausing     atomic.Bool
	journal     *journal
	checkpoints *checkpoint.Directory
	attempt     int // 1 is the job's first worker that came so far
	step        int // done
	weight      uint32
}

const (
	childProgram = "sleep"
	childSeconds = "900"

	// overlapPatience is how long the worker before this one may take to vanish once it has been killed.
	overlapPatience = 500 * time.Millisecond

	exitBroken   = 9 // what must not happen has happened
	exitOrphaned = 4 // the daemon is gone
	exitCrashed  = 3 // as the script says
)

// runWorker is the whole life of a worker process. It never returns.
func runWorker() {
	stream := os.NewFile(frame.Descriptor, "stream")
	w := &worker{orders: frame.NewReader(stream), events: frame.NewWriter(stream), stored: make(chan struct{}, 1)}
	var order frame.Order
	must(w.orders.Read(&order))
	if order.Start == nil {
		must(errors.New("the first order is no start"))
	}
	w.start = order.Start
	must(w.begin())
	go w.obey()
	switch err := w.train(); {
	case err == nil:
		must(w.finish())
		must(w.journal.note(wordEnd, "done"))
	case !errors.Is(err, errEnded):
		must(err)
	}
	os.Exit(0)
}

// errEnded ends the training of a worker that has said its last word before the last step.
var errEnded = errors.New("the worker has said its last word")

// begin makes sure that no other worker of the job is alive, and goes to where the newest checkpoint is.
func (w *worker) begin() (err error) {
	if w.script, err = readScript(w.start.TrainData); err != nil {
		return err
	}
	directory := os.Getenv(journalsVariable)
	before, err := readJournal(directory, w.start.JobID)
	if err != nil {
		return err
	}
	earlier, _ := lives(before)
	w.attempt = len(earlier) + 1
	if w.journal, err = openJournal(directory, w.start.JobID); err != nil {
		return err
	}
	if err := w.journal.note(wordBegin, w.start.Told); err != nil {
		return err
	}
	if err := w.awaitPredecessor(earlier); err != nil {
		return err
	}
	if w.script.Child {
		if err := exec.Command(childProgram, childSeconds).Start(); err != nil {
			return err
		}
	}
	if w.checkpoints, err = checkpoint.Open(w.start.Checkpoints); err != nil {
		return err
	}
	if err := w.resume(); err != nil {
		return err
	}
	w.introduce()
	return nil
}

// awaitPredecessor takes the journal's lock, which ends with the process that holds it.
func (w *worker) awaitPredecessor(earlier []life) error {
	for deadline := time.Now().Add(overlapPatience); ; time.Sleep(time.Millisecond) {
		err := unix.Flock(int(w.journal.file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		if time.Now().After(deadline) {
			return w.journal.note(wordOverlap, earlier[len(earlier)-1].pid)
		}
	}
}

func (w *worker) resume() error {
	newest, damaged, err := w.checkpoints.Newest()
	if err != nil {
		return err
	}
	if len(damaged) > 0 {
		return fmt.Errorf("checkpoints that were written whole are damaged: %v", damaged)
	}
	w.weight = w.script.weightAfter(0)
	if newest != nil {
		w.step, w.weight = newest.State.Step, uint32(newest.Vectors.Adapter[0])
	}
	if w.step > w.start.Told {
		return fmt.Errorf("the checkpoint of step %d is ahead of what is stored, which ends at step %d", w.step, w.start.Told)
	}
	return w.journal.note(wordFrom, w.step)
}

// introduce says what a worker says before its first step.
func (w *worker) introduce() {
	settled := w.start.Config
	settled.PriorSigma = 0.5
	w.say(
		frame.Event{Phase: &frame.Phase{Phase: protocol.PhaseLoading}},
		frame.Event{Plan: &protocol.Plan{Config: settled, TotalSteps: w.script.Steps, TargetTokens: 100}},
		frame.Event{Log: &frame.Log{Message: fmt.Sprintf("worker %d goes on from step %d", w.attempt, w.step)}},
		frame.Event{Phase: &frame.Phase{Phase: protocol.PhaseTraining}},
	)
}

// say tells the daemon. When it cannot be told, it is gone.
func (w *worker) say(events ...frame.Event) {
	for i := range events {
		if err := w.events.Write(&events[i]); err != nil {
			w.orphaned()
		}
	}
}

func (w *worker) orphaned() {
	must(w.journal.note(wordEnd, "orphaned"))
	os.Exit(exitOrphaned)
}

// obey does what the daemon says, until it says no more.
func (w *worker) obey() {
	for {
		var order frame.Order
		if err := w.orders.Read(&order); err != nil {
			w.orphaned()
		}
		switch {
		case order.Stored != nil:
			w.stored <- struct{}{}
		case order.Pause != nil:
			w.pausing.Store(true)
		case order.Cancel != nil:
			w.say(frame.Event{Failed: protocol.NewError(protocol.CodeCancelled, "%s", order.Cancel.Reason)})
			must(w.journal.note(wordEnd, "cancelled"))
			os.Exit(1)
		}
	}
}

// must ends the worker in a way that the driver takes for a fault of the daemon or of the soak itself.
func must(err error) {
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, brokenWorker, err)
	os.Exit(exitBroken)
}

// brokenWorker begins the line that a worker prints when it finds what must not be. It comes to the driver in the error of
// its job.
const brokenWorker = "soak worker:"
