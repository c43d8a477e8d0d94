package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/checkpoint"
)

// checkpointInterval is how much work may be lost at most when no number of steps is set.
const checkpointInterval = 5 * time.Minute

// checkpointing decides when checkpoints are written.
type checkpointing struct {
	directory *checkpoint.Directory
	every     int // steps; 0 means by time, protocol.CheckpointNever never
	keep      int
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
	r.checkpoints = &checkpointing{directory: directory, every: c.CheckpointEvery, keep: c.KeepCheckpoints, written: time.Now()}
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

// writeCheckpoint writes the state after the last step. A disk that cannot take it does not end the run: it is told, and
// tried again when the next one is due. At a pause the run then goes on from the one before.
func (t *training) writeCheckpoint() error {
	c := t.checkpoints
	t.enter(protocol.PhaseCheckpointing)
	snapshot, err := t.snapshot()
	if err != nil {
		return err
	}
	err = c.directory.Write(snapshot, c.keep)
	c.written = time.Now()
	switch {
	case err != nil && !c.failed:
		t.observer.Log(fmt.Sprintf("%v; training goes on, and the next checkpoint is tried as usual", err), true)
	case err == nil && c.failed:
		t.observer.Log(fmt.Sprintf("checkpoints can be written again: step %d", t.steps), false)
	}
	c.failed = err != nil
	return nil
}
