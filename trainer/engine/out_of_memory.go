package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/trainer/checkpoint"
	"github.com/shannon-labs/scu/trainer/model"
)

// fit is how micro-batches are made to fit the device. A step's micro-batches, and so its rows, targets and dropout, stay
// what the settings say; each is only run in more parts, whose gradients are summed as those of micro-batches are.
type fit struct {
	parts             int // in which each micro-batch is run
	gradCheckpointing bool
}

// newFit is how a run begins: as its settings say, and not larger than what its checkpoint had come down to, since what did
// not fit then would not fit now. Gradient checkpointing that an earlier process was asked for, and did not need, can be
// asked off again.
func newFit(config *protocol.SCUConfig, saved *checkpoint.Checkpoint) fit {
	f := fit{parts: 1, gradCheckpointing: config.GradCheckpointing}
	if saved != nil {
		f.parts, f.gradCheckpointing = saved.State.Parts, f.gradCheckpointing || saved.State.GradCheckpointing
	}
	return f
}

// smaller is the next fit to try, and whether there is one. rows is the size of the largest micro-batch, in blocks.
func (f fit) smaller(rows int) (fit, bool) {
	switch {
	case f.parts < rows:
		return fit{2 * f.parts, f.gradCheckpointing}, true
	case !f.gradCheckpointing:
		return fit{f.parts, true}, true
	}
	return f, false
}

// microBatch is how many blocks a pass of the model takes when the settings say whole.
func (f fit) microBatch(whole int) int { return max(1, (whole+f.parts-1)/f.parts) }

// apply writes the fit into a plan: the micro-batch is smaller by as much as the accumulation is longer.
func (f fit) apply(asked *protocol.SCUConfig, p *protocol.Plan) {
	p.Config.MicroBatch, p.Config.GradAccum = f.microBatch(asked.MicroBatch), asked.GradAccum*f.parts
	p.Config.GradCheckpointing = f.gradCheckpointing
	if f.parts > 1 {
		p.Reasons["micro_batch"] = fmt.Sprintf("%d blocks at once did not fit the device's memory", asked.MicroBatch)
		p.Reasons["grad_accum"] = "so that a step has the rows that were asked for"
	}
	if f.gradCheckpointing && !asked.GradCheckpointing {
		p.Reasons["grad_checkpointing"] = "the device ran out of memory without it"
	}
}

// fitOnDevice answers an out-of-memory error: it makes the passes of the model smaller until they compile. Any other error
// it returns, and nil for nil. What was run before must be run again by the caller.
func (r *run) fitOnDevice(ctx context.Context, cause error) error {
	if cause == nil || !isOutOfMemory(cause) {
		return cause
	}
	// In a process that was refused memory smaller pieces would not help.
	if r.stopsWithoutMemory || errors.Is(cause, model.ErrOutOfMemory) {
		return r.outOfMemory(cause)
	}
	phase := r.phase
	for cause != nil {
		if !isOutOfMemory(cause) {
			return cause
		}
		if err := r.shrink(cause); err != nil {
			return err
		}
		cause = r.compile(ctx)
	}
	r.enter(phase)
	return nil
}

// outOfMemory ends a job whose device cannot be trusted after it ran out of memory, and says what would fit better.
func (r *run) outOfMemory(cause error) error {
	asked := &r.job.Config
	failure := protocol.NewError(protocol.CodeOutOfMemory, "the device ran out of memory with micro_batch %d and block_size %d: %v", asked.MicroBatch, asked.BlockSize, cause)
	failure.Retryable = true // in another process, and smaller
	if asked.MicroBatch == 1 {
		return failure.WithHint("submit the job again with grad_checkpointing=true or a smaller block_size")
	}
	half := fit{parts: 2}.microBatch(asked.MicroBatch)
	return failure.WithHint("submit the job again with micro_batch=%d and grad_accum=%d, which takes about the same steps, or with grad_checkpointing=true", half, 2*asked.GradAccum)
}

// shrink goes over to the next smaller fit, and frees what the larger one held.
func (r *run) shrink(cause error) error {
	if err := r.comeDown("the device ran out of memory", cause); err != nil {
		return err
	}
	if err := r.makePrograms(); err != nil {
		return err
	}
	debug.FreeOSMemory() // tensors on the host that nothing refers to any more
	return nil
}

// comeDown takes the next smaller fit and tells of it. why says what happened, to a person.
func (r *run) comeDown(why string, cause error) error {
	next, found := r.fit.smaller(r.largestMicroBatch())
	if !found {
		return protocol.NewError(protocol.CodeOutOfMemory, "the device ran out of memory with one block at a time and grad_checkpointing on: %v", cause).
			WithHint("lower block_size or lora_r, set precision=bf16, or take a smaller base model; if other programs or a limit took the memory, mend that and go on with scu retry NAME")
	}
	was := r.fit
	r.fit = next
	if next.parts > was.parts {
		asked := &r.job.Config
		r.observer.Log(fmt.Sprintf("%s: micro_batch goes from %d to %d and grad_accum from %d to %d, so that a step stays what it was",
			why, was.microBatch(asked.MicroBatch), next.microBatch(asked.MicroBatch), asked.GradAccum*was.parts, asked.GradAccum*next.parts), true)
	} else {
		r.observer.Log(why+": grad_checkpointing goes from off to on, which takes more time", true)
	}
	r.fit.apply(&r.job.Config, r.plan)
	r.observer.Plan(r.plan)
	return nil
}

func (r *run) largestMicroBatch() int {
	rows := 1
	for _, shape := range r.trainFeed.Shapes {
		rows = max(rows, shape.Rows)
	}
	if r.valFeed != nil {
		for _, shape := range r.valFeed.Shapes {
			rows = max(rows, shape.Rows)
		}
	}
	return rows
}
