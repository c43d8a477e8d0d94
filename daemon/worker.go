package daemon

import (
	"context"
	"fmt"
	"strings"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/protocol/frame"
	"github.com/shannon-labs/scu/trainer/plan"
)

const (
	maxBatch        = 256     // frames in one transaction
	maxMessageBytes = 4 << 10 // of one log line
)

// workOnce runs one worker and records what it says. before is how the one before it made the job fit the memory.
func (d *daemon) workOnce(r *run, record *store.Record, before frame.Fit) supervise.Outcome {
	spec, settings := record.Job.Spec, d.config.Load().Training
	worker, err := supervise.Start(r.stopped, d.options.Launcher, supervise.Order{JobID: r.jobID, Device: r.placement.Device}, frame.Start{
		JobID: r.jobID, Model: record.ModelPath, ModelName: spec.BaseModel,
		TrainData: spec.TrainData, ValData: spec.ValData, InitAdapter: spec.InitAdapter,
		Output: d.adapterPath(record.AdapterID), Device: d.kindOf(r.placement.Device), Config: record.Ordered, Reasons: record.Reasons,
		Checkpoints: d.checkpointsPath(r.jobID), Cache: plan.CacheDirectory(d.options.Home), CreatedAt: record.Job.CreatedAt, Told: record.Job.Step,
		Before: before,
	}, supervise.Limits{
		SilenceLimit: settings.WorkerSilence, PauseGrace: settings.PauseGrace, CancelGrace: settings.CancelGrace,
	})
	if err != nil {
		return supervise.LaunchFailure(err)
	}
	r.attach(worker)
	complete := d.recordAll(r, worker)
	outcome := worker.Wait()
	if outcome.LogErr != nil {
		d.logger.Warn("a worker's log is incomplete", "job", r.jobID, "error", outcome.LogErr)
	}
	if !complete && outcome.Kind == supervise.Done { // its adapter stands, but the job would lack the steps to it
		return supervise.Outcome{Kind: supervise.Paused}
	}
	return outcome
}

// recordAll stores what a worker says until it says no more, and reports whether all of it is stored. If that becomes
// impossible it stops the run and reads on without storing: a checkpoint never runs ahead of what is stored, so a later worker
// tells again what is lost here.
func (d *daemon) recordAll(r *run, worker *supervise.Worker) (complete bool) {
	lost := false
	for event := range worker.Events() {
		batch := gather(event, worker.Events())
		if lost {
			continue
		}
		if err := d.record(r, worker, batch); err != nil {
			d.logger.Error("cannot record what a worker says", "job", r.jobID, "error", err)
			lost = true
			if store.MayPass(err) { // the job is cancelled, or the daemon ends: there is nothing to wait for
				r.stop(stopping{verdict: requeue})
				worker.Cancel("what it says cannot be stored")
			} else {
				r.stop(toFail(asProtocolError(err)))
			}
		}
	}
	return !lost
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

// record stores a batch and does what else it asks for. While the store cannot be written it tries again, and the worker, which nobody
// reads, waits.
func (d *daemon) record(r *run, worker *supervise.Worker, batch []frame.Event) error {
	told := make([]frame.Event, 0, len(batch))
	var memory *frame.Memory
	sync := false
	for _, event := range batch {
		switch {
		case event.Memory != nil:
			memory = event.Memory
		case event.Sync != nil:
			sync = true
		default:
			if event.Log != nil {
				event.Log.Message = clipMessage(event.Log.Message)
			}
			told = append(told, event)
		}
	}
	if len(told) > 0 {
		if err := d.persistFor(r, func(ctx context.Context) error { return d.store.RecordFrames(ctx, r.jobID, told) }); err != nil {
			return err
		}
	}
	if memory != nil {
		if err := d.recordMemory(r, memory.Bytes); err != nil {
			return err
		}
	}
	if sync {
		worker.Stored()
	}
	return nil
}

// recordMemory puts what the worker knows of its need in the place of what was estimated, for this run and later ones.
func (d *daemon) recordMemory(r *run, bytes int64) error {
	d.mu.Lock()
	d.queue.Resize(r.jobID, bytes)
	d.mu.Unlock()
	d.nudge() // there may be room for another job now
	return d.persistFor(r, func(ctx context.Context) error { return d.store.RecordMemory(ctx, r.jobID, bytes) })
}

// persistFor writes to the store for a run. Nothing that a worker has said is given up while there is hope: until the job is
// cancelled or the daemon ends.
func (d *daemon) persistFor(r *run, write func(context.Context) error) error {
	patience, cancel := context.WithCancel(r.abandoned)
	defer cancel()
	defer context.AfterFunc(d.ending, cancel)()
	return d.persist(patience, write)
}

// clipMessage bounds a log line, so that a page of them fits into a frame.
func clipMessage(message string) string {
	message = strings.ToValidUTF8(message, "\uFFFD")
	if len(message) <= maxMessageBytes {
		return message
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(message[:maxMessageBytes], ""), len(message))
}
