package daemon

import (
	"context"
	"sync"

	"github.com/shannon-labs/scu/daemon/schedule"
	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/protocol"
)

// verdict is what is to become of a job whose run is stopped. A later one overrides those before it.
type verdict int

const (
	goOn    verdict = iota // nobody has stopped the run
	requeue                // the daemon ends, and the next one goes on
	pause                  // until somebody, or the space on disk, says otherwise
	fail                   // it cannot go on as it is
	cancel                 // nobody wants it any more
)

// stopping says how a run is to be stopped, and why.
type stopping struct {
	verdict verdict
	message string            // for the worker's log
	waiting *protocol.Waiting // with pause
	reason  *protocol.Error   // with fail and cancel
}

func toPause(w protocol.Waiting) stopping {
	return stopping{verdict: pause, message: w.Message, waiting: &w}
}

func toFail(reason *protocol.Error) stopping {
	return stopping{verdict: fail, message: reason.Message, reason: reason}
}

func toCancel(reason *protocol.Error) stopping {
	return stopping{verdict: cancel, message: reason.Message, reason: reason}
}

// run is one job from the queue to the next state in which it does not run. Its owner is the goroutine that calls
// [daemon.run]; stop may be called by anyone.
type run struct {
	jobID     string
	placement schedule.Placement

	stopped   context.Context // ends with any verdict
	abandoned context.Context // ends when nobody wants what the worker has still to say
	end       context.CancelFunc
	abandon   context.CancelFunc

	mu       sync.Mutex
	worker   *supervise.Worker
	stopping stopping
}

func newRun(p schedule.Placement) *run {
	r := &run{jobID: p.Job.ID, placement: p}
	r.stopped, r.end = context.WithCancel(context.Background())
	r.abandoned, r.abandon = context.WithCancel(context.Background())
	return r
}

// stop makes the worker end, now or as soon as it is there.
func (r *run) stop(s stopping) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.verdict <= r.stopping.verdict {
		return
	}
	r.stopping = s
	r.end()
	if s.verdict == cancel {
		r.abandon()
	}
	r.tellWorkerLocked()
}

// attach makes a worker known to stop, which may have been called already.
func (r *run) attach(worker *supervise.Worker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.worker = worker
	r.tellWorkerLocked()
}

// tellWorkerLocked asks the worker to end. All but a cancelled one write a checkpoint first: even a job that failed may be
// tried again.
func (r *run) tellWorkerLocked() {
	switch {
	case r.worker == nil || r.stopping.verdict == goOn:
	case r.stopping.verdict == cancel:
		r.worker.Cancel(r.stopping.message)
	default:
		r.worker.Pause(r.stopping.message)
	}
}

// how says how the run was stopped, with the verdict goOn if it was not.
func (r *run) how() stopping {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stopping
}

// run takes a job through the life of its worker, or of several where memory runs out, to a state in which it does not run.
func (d *daemon) run(r *run) {
	defer r.abandon()
	defer r.end()
	if r.how().verdict == requeue { // the daemon ends, and the next one will find the job in the queue
		return
	}
	var record *store.Record
	started := d.finish(r.jobID, func(ctx context.Context) (_ *store.Record, err error) {
		record, err = d.store.StartJob(ctx, r.jobID, store.Start{
			AdapterID: newID("adapter"), Device: r.placement.Device, ReservedBytes: r.placement.Reserved,
		})
		return record, err
	})
	if !started { // it was cancelled or paused while it waited
		return
	}
	stopTimer := d.limitTime(r)
	outcome := d.work(r, record)
	stopTimer()
	d.settle(r, record, outcome)
}
