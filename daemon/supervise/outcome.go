package supervise

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
)

// Kind is how a worker ended.
type Kind string

// The ways in which a worker ends.
const (
	Done      Kind = "done"      // it said that the adapter stands
	Failed    Kind = "failed"    // it said why it could not
	Paused    Kind = "paused"    // it ended where another one can go on, or was asked to and was stopped by force
	Cancelled Kind = "cancelled" // it was told to stop, and stopped or was killed for it
	Crashed   Kind = "crashed"   // it died, or made no sense, without a last word; or it could not be started
	Lost      Kind = "lost"      // it was silent for too long, and was killed for it

	// OutOfMemory: it died because memory had run out, or gave up because of that. What it was asked for may succeed in smaller pieces.
	OutOfMemory Kind = "out of memory"
)

// Outcome is how a worker ended. Done is set for [Done], Error for [Failed], [Crashed], [Lost] and [OutOfMemory].
type Outcome struct {
	Kind     Kind
	Done     *frame.Done
	Error    *protocol.Error
	Crash    string // of [Crashed] and [Lost]: the way in which that came about, the same for two that did so alike
	Shortage bool   // of [Crashed]: it could not be started because this machine was short of something; the job is not to blame
	PausedAt int    // of [Paused]: the step of the checkpoint that the worker named; 0 where it named none
	LogErr   error  // the worker's log could not be written to its end
}

// evidence is what is known about a worker's end; [evidence.judge] draws the conclusion.
type evidence struct {
	done       *frame.Done
	paused     *frame.Paused
	failed     *protocol.Error
	pausing    bool // Pause was called
	cancelled  bool // Cancel was called
	forced     bool // we sent SIGTERM or SIGKILL
	killed     bool // we sent SIGKILL
	silent     time.Duration
	unreadable error // the events could not be read any further
	exit       Exit
}

// judge draws the conclusion. The worker's own last word counts most: what happens to the process after it does not
// undo an adapter that stands.
func (e *evidence) judge() Outcome {
	switch {
	case e.done != nil:
		return Outcome{Kind: Done, Done: e.done}
	case e.cancelled:
		return Outcome{Kind: Cancelled}
	case e.paused != nil:
		return Outcome{Kind: Paused, PausedAt: e.paused.Step}
	case e.failed != nil && e.failed.Code == protocol.CodeOutOfMemory && e.failed.Retryable:
		return Outcome{Kind: OutOfMemory, Error: e.failed}
	case e.failed != nil && e.pausing && e.failed.Code == protocol.CodeCancelled: // it keeps no checkpoints
		return Outcome{Kind: Paused}
	case e.failed != nil:
		return Outcome{Kind: Failed, Error: e.failed}
	case e.silent > 0:
		return e.crash(Lost, "silent", "the worker gave no sign of life for %v and was stopped", e.silent)
	case e.unreadable != nil:
		return e.crash(Crashed, "unreadable", "the worker sent something unreadable and was stopped: %v", e.unreadable)
	}
	return e.judgeExit()
}

// judgeExit explains the end of a worker without a last word.
func (e *evidence) judgeExit() Outcome {
	killed := e.exit.Signal == syscall.SIGKILL && !e.killed
	ended := e.exit.Signal == 0 && e.exit.Code == 0
	switch {
	case e.exit.Err != nil:
		return e.crash(Crashed, "unobserved", "the worker's end could not be observed: %v", e.exit.Err)
	case killed && e.exit.KernelKilled:
		return outOfMemory("the kernel killed the worker (SIGKILL) because memory ran out")
	case e.pausing && e.forced:
		return Outcome{Kind: Paused}
	case killed:
		return e.killedFromOutside()
	case e.exit.MemoryLine != "" && !e.killed && !ended:
		return outOfMemory("the worker died because memory ran out, and said: %s", e.exit.MemoryLine)
	case e.forced && e.exit.Signal != 0:
		return e.crash(Crashed, "mute", "the worker closed its stream without saying that it was done, and was stopped")
	case e.exit.Signal != 0:
		return e.crash(Crashed, "signal "+e.exit.Signal.String(), "the worker died of a signal: %v", e.exit.Signal)
	case ended:
		return e.crash(Crashed, "no last word", "the worker ended without saying that it was done")
	}
	return e.crash(Crashed, exitCode(e.exit.Code), "the worker exited with code %d", e.exit.Code)
}

func (e *evidence) killedFromOutside() Outcome {
	const way = "killed from outside"
	if e.exit.KernelCounts {
		return e.crash(Crashed, way, "the worker was killed from outside (SIGKILL), and not by the kernel for want of memory")
	}
	outcome := e.crash(Crashed, way, "the worker was killed from outside (SIGKILL), most likely by the kernel because memory ran out")
	outcome.Error.Hint = "close other programs and go on with scu retry NAME; or look for 'out of memory' in the kernel's log, and submit it with a smaller micro_batch or block_size"
	return outcome
}

func outOfMemory(format string, args ...any) Outcome {
	err := protocol.NewError(protocol.CodeOutOfMemory, format, args...).
		WithHint("lower block_size or lora_r, set precision=bf16, or take a smaller base model; if other programs took the memory, close them and go on with scu retry NAME")
	err.Retryable = true
	return Outcome{Kind: OutOfMemory, Error: err}
}

func (e *evidence) crash(kind Kind, way, format string, args ...any) Outcome {
	err := protocol.NewError(protocol.CodeWorkerCrashed, format, args...)
	if len(e.exit.LastLines) > 0 {
		err.Message += "; its last words were:\n" + strings.Join(e.exit.LastLines, "\n")
	}
	err = err.WithHint("try the job again with scu retry NAME; if it happens twice, report it with the job's log")
	err.Retryable = true
	return Outcome{Kind: kind, Error: err, Crash: signature(way, e.exit.Headline)}
}

// LaunchFailure is the outcome of a worker that could not be started, for the error of [Start].
func LaunchFailure(err error) Outcome {
	failure := protocol.NewError(protocol.CodeWorkerCrashed, "%v", err).
		WithHint("see that the daemon's executable is still there and may start processes, then try the job again with scu retry NAME")
	failure.Retryable = true
	short := func(lack error) bool { return errors.Is(err, lack) }
	shortage := slices.ContainsFunc([]error{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM}, short)
	return Outcome{Kind: Crashed, Error: failure, Crash: signature("not started", err.Error()), Shortage: shortage}
}
