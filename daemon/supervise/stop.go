package supervise

import (
	"context"
	"time"

	"github.com/shannon-labs/scu/protocol/frame"
)

// demand is what a worker is to end for. A greater one replaces a smaller one, and never the other way round.
type demand int

const (
	noDemand    demand = iota
	toPause            // with a checkpoint
	toFinish           // it has said its last word, or can say no more
	toBeStopped        // leaving nothing behind
)

// Pause makes the worker end where another one can go on: it is asked, and stopped by force if it does not comply in time,
// in which case another one goes on from the checkpoint before. It returns at once; for a worker that is to end already it
// does nothing.
func (w *Worker) Pause(reason string) {
	w.end(toPause, &frame.Order{Pause: &frame.Pause{Reason: reason}}, w.limits.PauseGrace, func(e *evidence) { e.pausing = true })
}

// Cancel makes the worker end and leave nothing behind: it is asked, and stopped by force if it does not comply in time. It
// returns at once, and overrides a pause; calls after the first do nothing.
func (w *Worker) Cancel(reason string) {
	w.end(toBeStopped, &frame.Order{Cancel: &frame.Cancel{Reason: reason}}, w.limits.CancelGrace, func(e *evidence) { e.cancelled = true })
}

// finish sees to it that a worker which has no more to say ends.
func (w *Worker) finish() {
	w.end(toFinish, nil, w.limits.CancelGrace, func(*evidence) {})
}

// end puts a demand in the place of a smaller one, and force behind it.
func (w *Worker) end(d demand, order *frame.Order, grace time.Duration, note func(*evidence)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d <= w.demand || w.ended {
		return
	}
	w.demand = d
	note(&w.evidence)
	w.callOff()
	var ctx context.Context
	ctx, w.callOff = context.WithCancel(context.Background())
	w.serving.Go(func() {
		if order != nil {
			w.send(order)
		}
		w.force(ctx, grace)
	})
}

// force ends a worker that does not end by itself within its grace, until a greater demand calls that off.
func (w *Worker) force(ctx context.Context, grace time.Duration) {
	if !w.outlasts(ctx, grace) {
		return
	}
	w.note(func(e *evidence) { e.forced = true })
	w.process.Terminate()
	if w.outlasts(ctx, w.limits.TermGrace) {
		w.kill()
	}
}

// outlasts reports whether the worker is still there after a while.
func (w *Worker) outlasts(ctx context.Context, while time.Duration) bool {
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-w.exited:
	case <-ctx.Done():
	}
	return false
}

// giveUp kills a worker that can no longer be followed.
func (w *Worker) giveUp(why func(*evidence)) {
	w.note(why)
	w.kill()
}

func (w *Worker) kill() {
	w.note(func(e *evidence) { e.forced, e.killed = true, true })
	w.process.Kill()
}
