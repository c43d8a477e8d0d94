package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/shannon-labs/scu/daemon/store"
	"github.com/shannon-labs/scu/protocol"
)

// persist writes to the store. While that cannot be written, be it that the disk is full or that somebody has locked it, it
// tries again until patience ends; the first attempt is made in any case, and no attempt is broken off.
func (d *daemon) persist(patience context.Context, write func(context.Context) error) error {
	waiting := false
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := write(context.WithoutCancel(patience))
		if !store.MayPass(err) {
			return err
		}
		if !waiting {
			waiting = true
			d.countBlocked(1)
			defer d.countBlocked(-1)
			d.logger.Error("the job store cannot be written; waiting until it can", "home", d.options.Home, "error", err)
		}
		select {
		case <-time.After(pause):
		case <-patience.Done():
			return err
		}
	}
}

// countBlocked notes that a write waits for the store, or no longer does.
func (d *daemon) countBlocked(change int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.blocked += change
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
		d.logger.Info("job "+string(record.Job.Status), "job", jobID, "name", record.Job.Name, "step", record.Job.Step,
			"error", errorText(record.Job.Error), "waiting", waitingText(record.Job.Waiting))
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

func waitingText(w *protocol.Waiting) string {
	if w == nil {
		return ""
	}
	return w.Message
}
