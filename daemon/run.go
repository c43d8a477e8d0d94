package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
	"github.com/shannon-labs/scu/trainer/plan"
)

const (
	maxBatch        = 256     // frames in one transaction
	maxMessageBytes = 4 << 10 // of one log line
	diskPatience    = time.Minute
)

// run is one job from the queue to its final state. Its owner is the goroutine that calls [daemon.run]; stop may be
// called by anyone.
type run struct {
	jobID string

	stopped context.Context // ends when stop is called
	end     context.CancelFunc

	mu     sync.Mutex
	worker supervise.Worker
	reason *protocol.Error // why it was stopped first
}

func newRun(jobID string) *run {
	r := &run{jobID: jobID}
	r.stopped, r.end = context.WithCancel(context.Background())
	return r
}

// stop makes the worker end, now or as soon as it is there. The first reason holds.
func (r *run) stop(reason *protocol.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reason == nil {
		r.reason = reason
	}
	r.end()
	if r.worker != nil {
		r.worker.Cancel(r.reason.Message)
	}
}

// attach makes a worker known to stop, which may have been called already.
func (r *run) attach(worker supervise.Worker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.worker = worker
	if r.reason != nil {
		worker.Cancel(r.reason.Message)
	}
}

func (r *run) stopReason() *protocol.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reason
}

// run takes a job through the life of its worker, or of several where memory runs out, to a final state.
func (d *daemon) run(r *run) {
	defer r.end()
	if r.stopReason() != nil { // the daemon ends, and the next one will find the job in the queue
		return
	}
	if err := d.checkDisk(); err != nil {
		d.finish(r.jobID, func(ctx context.Context) (*store.Record, error) {
			return d.store.FailJob(ctx, r.jobID, asProtocolError(err))
		})
		return
	}
	var record *store.Record
	started := d.finish(r.jobID, func(ctx context.Context) (_ *store.Record, err error) {
		record, err = d.store.StartJob(ctx, r.jobID, newID("adapter"))
		return record, err
	})
	if !started { // it was cancelled while it waited
		return
	}
	outcome := d.work(r, record)
	d.settle(r, record, outcome)
}

// workOnce runs one worker and records what it says. before is how the one before it made the job fit the memory.
func (d *daemon) workOnce(r *run, record *store.Record, before frame.Fit) supervise.Outcome {
	spec := record.Job.Spec
	worker, err := d.options.Launcher.Launch(r.stopped, frame.Start{
		JobID: r.jobID, Model: record.ModelPath, ModelName: spec.BaseModel,
		TrainData: spec.TrainData, ValData: spec.ValData, InitAdapter: spec.InitAdapter,
		Output: d.adapterPath(record.AdapterID), Device: d.options.Device, Config: record.Ordered, Reasons: record.Reasons,
		Checkpoints: d.checkpointsPath(r.jobID), Cache: plan.CacheDirectory(d.options.Home), CreatedAt: record.Job.CreatedAt, Told: record.Job.Step,
		Before: before,
	})
	if err != nil {
		if r.stopReason() != nil {
			return supervise.Outcome{Kind: supervise.Cancelled}
		}
		return supervise.Outcome{Kind: supervise.Failed, Error: supervise.LaunchError(err)}
	}
	r.attach(worker)
	lost := d.recordAll(r, worker.Events())
	outcome := worker.Wait()
	if outcome.LogErr != nil {
		d.logger.Warn("a worker's log is incomplete", "job", r.jobID, "error", outcome.LogErr)
	}
	if lost != nil && r.stopReason() == lost && outcome.Kind != supervise.Done {
		return supervise.Outcome{Kind: supervise.Failed, Error: lost}
	}
	return outcome
}

// recordAll stores what a worker says until it says no more. If that becomes impossible it stops the run, reads on
// without storing, and returns why.
func (d *daemon) recordAll(r *run, events <-chan frame.Event) (lost *protocol.Error) {
	for event := range events {
		batch := gather(event, events)
		if lost != nil {
			continue
		}
		if err := d.record(r, batch); err != nil {
			d.logger.Error("cannot record what a worker says", "job", r.jobID, "error", err)
			lost = asProtocolError(err)
			r.stop(lost)
		}
	}
	return lost
}

// gather takes what has come since without waiting for more. Under load batches grow, and with them the throughput.
func gather(first frame.Event, events <-chan frame.Event) []frame.Event {
	batch := []frame.Event{first}
	for len(batch) < maxBatch {
		select {
		case event, open := <-events:
			if !open {
				return batch
			}
			batch = append(batch, event)
		default:
			return batch
		}
	}
	return batch
}

// record stores a batch. While the disk is full it tries again, and the worker, which nobody reads, waits.
func (d *daemon) record(r *run, batch []frame.Event) error {
	for i := range batch {
		if log := batch[i].Log; log != nil {
			log.Message = clipMessage(log.Message)
		}
	}
	patience, cancel := context.WithTimeout(r.stopped, diskPatience)
	defer cancel()
	return d.persist(patience, func(ctx context.Context) error {
		return d.store.RecordFrames(ctx, r.jobID, batch)
	})
}

// persist writes to the store. While the disk is full it tries again until patience ends; the first attempt is made in
// any case, and no attempt is broken off.
func (d *daemon) persist(patience context.Context, write func(context.Context) error) error {
	waiting := false
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := write(context.WithoutCancel(patience))
		if !errors.Is(err, store.ErrDiskFull) {
			return err
		}
		if !waiting {
			waiting = true
			d.logger.Error("the job store cannot be written because the disk is full; waiting for space", "home", d.options.Home)
		}
		select {
		case <-time.After(pause):
		case <-patience.Done():
			return err
		}
	}
}

// finish makes a transition, and reports whether it was made. A transition that the state machine refuses has been
// overtaken by another, which is no failure.
func (d *daemon) finish(jobID string, transition func(context.Context) (*store.Record, error)) bool {
	var record *store.Record
	err := d.persist(d.ending, func(ctx context.Context) (err error) {
		record, err = transition(ctx)
		return err
	})
	var overtaken *store.TransitionError
	switch {
	case err == nil:
		d.logger.Info("job "+string(record.Job.Status), "job", jobID, "name", record.Job.Name, "step", record.Job.Step, "error", errorText(record.Job.Error))
	case errors.As(err, &overtaken):
		d.logger.Info("transition overtaken", "job", jobID, "reason", err)
	default:
		d.logger.Error("cannot store a transition; the next daemon will tidy up", "job", jobID, "error", err)
	}
	return err == nil
}

func errorText(err *protocol.Error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// clipMessage bounds a log line, so that a page of them fits into a frame.
func clipMessage(message string) string {
	message = strings.ToValidUTF8(message, "\uFFFD")
	if len(message) <= maxMessageBytes {
		return message
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(message[:maxMessageBytes], ""), len(message))
}
