package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/shannon-labs/scu/daemon/config"
	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/daemon/supervise"
	"github.com/shannon-labs/scu/protocol"
)

// afterCrash queues a job again whose worker has crashed, hung or could not be started, so that another one goes on from
// the last checkpoint after a while. It fails a job that crashes as it did before without having come any further, since
// that would go on for ever, and one that has been tried as often as is allowed.
func (d *daemon) afterCrash(r *run, outcome supervise.Outcome) {
	record, err := d.store.Job(context.Background(), r.jobID)
	if err != nil {
		d.logger.Error("cannot read a job whose worker crashed", "job", r.jobID, "error", err)
		d.fail(r, outcome.Error)
		return
	}
	settings := d.config.Load().Training
	if outcome.Shortage {
		d.putOff(r, settings.RetryBackoff, outcome)
		return
	}
	switch last := record.LastCrash; {
	case last != nil && last.Signature == outcome.Crash && record.Job.Step <= last.Step:
		d.fail(r, again(outcome.Error, "twice in the same way, the second time no further than the first"))
		return
	case record.Retries >= settings.MaxRetries:
		d.fail(r, again(outcome.Error, fmt.Sprintf("after %d retries, which is the limit", record.Retries)))
		return
	}
	wait := backoff(settings, record.Retries)
	until := time.Now().Add(wait).UTC()
	d.logger.Warn("a worker crashed", "job", r.jobID, "name", record.Job.Name, "step", record.Job.Step, "again in", wait, "error", outcome.Error.Message)
	d.requeue(r, store.Requeue{
		Crash: &store.Crash{Signature: outcome.Crash, Step: record.Job.Step},
		Waiting: &protocol.Waiting{
			Reason: protocol.WaitBackoff, Until: &until,
			Message: fmt.Sprintf("at step %d %s; it %s in %s (retry %d of %d)", record.Job.Step, outcome.Error.Message, d.howItGoesOn(r.jobID),
				wait.Round(time.Second), record.Retries+1, settings.MaxRetries),
		},
	})
}

// putOff queues a job again that could not be started for want of descriptors, processes or memory, which is not its fault.
func (d *daemon) putOff(r *run, wait time.Duration, outcome supervise.Outcome) {
	until := time.Now().Add(wait).UTC()
	d.logger.Warn("a worker cannot be started for now", "job", r.jobID, "again in", wait, "error", outcome.Error.Message)
	d.requeue(r, store.Requeue{Waiting: &protocol.Waiting{
		Reason: protocol.WaitBackoff, Until: &until, Message: fmt.Sprintf("%s; it is tried again in %s", outcome.Error.Message, wait.Round(time.Second)),
	}})
}

// again says of a failure that it was not the first.
func again(err *protocol.Error, how string) *protocol.Error {
	repeated := *err
	repeated.Message = fmt.Sprintf("the job failed %s: %s", how, err.Message)
	return &repeated
}

// backoff doubles from one retry to the next, up to a limit.
func backoff(settings config.Training, retries int) time.Duration {
	wait, most := settings.RetryBackoff, settings.RetryBackoffMax
	for range retries {
		if wait >= most {
			break
		}
		wait *= 2
	}
	return min(wait, most)
}

// howItGoesOn says where a job's next worker begins.
func (d *daemon) howItGoesOn(jobID string) string {
	if step := d.resumableFrom(jobID); step != nil {
		return fmt.Sprintf("goes on from the checkpoint of step %d", *step)
	}
	return "begins anew"
}
