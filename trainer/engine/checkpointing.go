package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/checkpoint"
	"github.com/shannon-labs/scu/trainer/durable"
)

// checkpointInterval is how much work may be lost at most when no number of steps is set.
const checkpointInterval = 5 * time.Minute

// checkpointing decides when checkpoints are written.
type checkpointing struct {
	directory *checkpoint.Directory
	every     int // steps; 0 means by time, protocol.CheckpointNever never
	keep      int
	step      int       // of the last one, from which the job can go on; 0 where there is none
	written   time.Time // when the last one was, or was tried
	failed    bool      // the last one could not be written
}

// openCheckpoints finds what the run can go on from.
func (r *run) openCheckpoints() error {
	if r.job.Checkpoints == "" {
		return nil
	}
	directory, err := checkpoint.Open(r.job.Checkpoints)
	if err != nil {
		return err
	}
	var damaged []checkpoint.Damaged
	r.saved, damaged, err = directory.Newest()
	for _, d := range damaged {
		r.observer.Log(d.String(), true)
	}
	if errors.Is(err, checkpoint.ErrFormat) {
		return protocol.NewError(protocol.CodeInvalidConfig, "%v", err).WithHint("go on with the version of scu that wrote it, or submit a new job")
	}
	if err != nil {
		return err
	}
	if len(damaged) > 0 && r.saved == nil {
		r.observer.Log("no checkpoint is undamaged, so the run begins anew", true)
	}
	c := &r.job.Config
	directory.FreeBytes = r.freeBytes
	r.checkpoints = &checkpointing{directory: directory, every: c.CheckpointEvery, keep: c.KeepCheckpoints, written: time.Now()}
	if r.saved != nil {
		r.checkpoints.step = r.saved.State.Step
	}
	return nil
}

// due says whether a checkpoint is to be written after a step.
func (c *checkpointing) due(step int) bool {
	switch {
	case c == nil || c.every < 0:
		return false
	case c.every > 0:
		return step%c.every == 0
	default:
		return time.Since(c.written) >= checkpointInterval
	}
}

// writeCheckpoint writes the state after the last step. A full file system ends the run, since it cannot go on for long
// there and would have the steps since the last checkpoint to lose. Any other failure is told, and a checkpoint tried again when
// the next one is due.
func (t *training) writeCheckpoint(ctx context.Context) error {
	c := t.checkpoints
	snapshot, err := t.readySnapshot(ctx)
	if err != nil {
		return err
	}
	err = c.write(snapshot)
	switch {
	case durable.IsFull(err):
		return err
	case err != nil && !c.failed:
		t.observer.Log(fmt.Sprintf("%v; training goes on, and the next checkpoint is tried as usual", err), true)
	case err == nil && c.failed:
		t.observer.Log(fmt.Sprintf("checkpoints can be written again: step %d", t.steps), false)
	}
	c.failed = err != nil
	return nil
}

// pause writes the state after the last step and ends the run with a *[PausedError]. Where that cannot be written, the run is
// to go on from the checkpoint before.
func (t *training) pause(ctx context.Context) error {
	snapshot, err := t.readySnapshot(ctx)
	if err != nil {
		return err
	}
	if err := t.checkpoints.write(snapshot); err != nil {
		t.observer.Log(fmt.Sprintf("%v; the job pauses all the same, and will go on from step %d", err, t.checkpoints.step), true)
	}
	return &PausedError{t.checkpoints.step}
}

// readySnapshot is the state after the last step, once what was told of it is kept.
func (t *training) readySnapshot(ctx context.Context) (*checkpoint.Checkpoint, error) {
	t.enter(protocol.PhaseCheckpointing)
	snapshot, err := t.snapshot()
	if err != nil {
		return nil, err
	}
	return snapshot, t.observer.Sync(ctx)
}

func (c *checkpointing) write(snapshot *checkpoint.Checkpoint) error {
	c.written = time.Now()
	if err := c.directory.Write(snapshot, c.keep); err != nil {
		return err
	}
	c.step = snapshot.State.Step
	return nil
}
