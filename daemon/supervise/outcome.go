package supervise

import (
	"strings"
	"syscall"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
)

// Kind is how a worker ended.
type Kind string

// The ways in which a worker ends.
const (
	Done      Kind = "done"      // it said that the adapter stands
	Failed    Kind = "failed"    // it said why it could not
	Cancelled Kind = "cancelled" // it was told to stop, and stopped or was killed for it
	Crashed   Kind = "crashed"   // it died, or made no sense, without a last word
	Lost      Kind = "lost"      // it was silent for too long, and was killed for it

	// OutOfMemory: it died because memory had run out, or gave up because of that. What it was asked for may succeed in smaller pieces.
	OutOfMemory Kind = "out of memory"
)

// Outcome is how a worker ended. Done is set for [Done], Error for [Failed], [Crashed], [Lost] and
// [OutOfMemory].
type Outcome struct {
	Kind   Kind
	Done   *frame.Done
	Error  *protocol.Error
	LogErr error // the worker's log could not be written to its end
}

// judge draws the conclusion. The worker's own last word counts most: what happens to the process after it does not
// undo an adapter that stands.
func (e *evidence) judge() Outcome {
	switch {
	case e.done != nil:
		return Outcome{Kind: Done, Done: e.done}
	case e.cancelled:
		return Outcome{Kind: Cancelled}
	case e.failed != nil && e.failed.Code == protocol.CodeOutOfMemory && e.failed.Retryable:
		return Outcome{Kind: OutOfMemory, Error: e.failed}
	case e.failed != nil:
		return Outcome{Kind: Failed, Error: e.failed}
	case e.silent > 0:
		return e.crash(Lost, "the worker gave no sign of life for %v and was stopped", e.silent)
	case e.unreadable != nil:
		return e.crash(Crashed, "the worker sent something unreadable and was stopped: %v", e.unreadable)
	}
	return e.judgeExit()
}

// judgeExit explains the end of a worker that died by itself.
func (e *evidence) judgeExit() Outcome {
	if e.state == nil {
		return e.crash(Crashed, "the worker's end could not be observed: %v", e.waitErr)
	}
	status, _ := e.state.Sys().(syscall.WaitStatus)
	killed := status.Signaled() && status.Signal() == syscall.SIGKILL && !e.killedByUs
	switch {
	case killed && e.kernelKilled:
		return e.outOfMemory("the kernel killed the worker (SIGKILL) because memory ran out")
	case killed && e.kernelCounts:
		return e.crash(Crashed, "the worker was killed from outside (SIGKILL), and not by the kernel for want of memory")
	case killed:
		outcome := e.crash(Crashed, "the worker was killed from outside (SIGKILL), most likely by the kernel because memory ran out")
		outcome.Error.Hint = "close other programs and go on with scu retry NAME; or look for 'out of memory' in the kernel's log, and submit it with a smaller micro_batch or block_size"
		return outcome
	case e.memoryLine != "" && !e.killedByUs && !(status.Exited() && status.ExitStatus() == 0):
		return e.outOfMemory("the worker died because memory ran out, and said: %s", e.memoryLine)
	case status.Signaled():
		return e.crash(Crashed, "the worker died of a signal: %v", status.Signal())
	case e.state.ExitCode() == 0:
		return e.crash(Crashed, "the worker ended without saying that it was done")
	}
	return e.crash(Crashed, "the worker exited with code %d", e.state.ExitCode())
}

func (e *evidence) outOfMemory(format string, args ...any) Outcome {
	err := protocol.NewError(protocol.CodeOutOfMemory, format, args...).
		WithHint("lower block_size or lora_r, set precision=bf16, or take a smaller base model; if other programs took the memory, close them and go on with scu retry NAME")
	err.Retryable = true
	return Outcome{Kind: OutOfMemory, Error: err}
}

func (e *evidence) crash(kind Kind, format string, args ...any) Outcome {
	err := protocol.NewError(protocol.CodeWorkerCrashed, format, args...)
	if len(e.lastLogLines) > 0 {
		err.Message += "; its last words were:\n" + strings.Join(e.lastLogLines, "\n")
	}
	err = err.WithHint("try the job again with scu retry NAME; if it happens twice, report it with the job's log")
	err.Retryable = true
	return Outcome{Kind: kind, Error: err}
}

// LaunchError explains to a person why a worker could not be started.
func LaunchError(err error) *protocol.Error {
	failure := protocol.NewError(protocol.CodeWorkerCrashed, "%v", err)
	failure.Retryable = true
	return failure.WithHint("see that the daemon's executable is still there and may start processes, then try the job again with scu retry NAME")
}
