package supervise

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/shannon-labs/scu/protocol"
	"github.com/shannon-labs/scu/protocol/frame"
	"golang.org/x/sys/unix"
)

// startTimeout bounds the writing of the start order, which fits into the pipe unless something is very wrong.
const startTimeout = 10 * time.Second

// process is a [Worker] that is a child process.
//
// Four goroutines serve it: one owns the child (and its thread), one reads the events, one copies the log, and one
// gathers the outcome when those three have ended. Stopping adds a fifth.
type process struct {
	command                              *exec.Cmd
	pipes                                *pipes
	log                                  *logFile
	orders                               *frame.Writer
	silenceLimit, cancelGrace, termGrace time.Duration
	killFiles                            func(pid int) []string

	events  chan frame.Event
	exited  chan struct{} // closed when the child has been reaped
	gone    chan struct{} // closed when nothing of the worker is left and outcome is set
	outcome Outcome

	serving  sync.WaitGroup
	stopping sync.Once

	mu       sync.Mutex
	reaped   bool
	evidence evidence
}

// evidence is what is known about a worker's end; [evidence.judge] draws the conclusion.
type evidence struct {
	done         *frame.Done
	failed       *protocol.Error
	cancelled    bool // Cancel was called
	killedByUs   bool // we sent SIGKILL
	silent       time.Duration
	unreadable   error // the events could not be read any further
	state        *os.ProcessState
	waitErr      error
	lastLogLines []string
	memoryLine   string // in which an allocator said that memory ran out; empty if none did
	kernelKilled bool   // the kernel killed a process for want of memory while this one lived
	kernelCounts bool   // it is known whether it did
}

func (p *process) Events() <-chan frame.Event { return p.events }

func (p *process) Wait() Outcome {
	<-p.gone
	return p.outcome
}

func (p *process) Cancel(reason string) {
	p.note(func(e *evidence) { e.cancelled = true })
	p.stop(&frame.Cancel{Reason: reason})
}

// start starts the child, sends it its order, and starts the goroutines that serve it.
func (p *process) start(order frame.Start) error {
	started := make(chan error)
	p.serving.Go(func() { p.own(started) })
	err := <-started
	p.pipes.closeWorkerEnds()
	if err != nil {
		p.serving.Wait()
		p.pipes.closeOwnEnds()
		return errors.Join(fmt.Errorf("start the worker: %w", err), p.log.Close())
	}
	p.serving.Go(p.read)
	p.serving.Go(p.copyLog)
	go p.gather()
	// A worker that has died already cannot take its order. How it died says more than this error, so that is kept.
	_ = p.pipes.orderWrite.SetWriteDeadline(time.Now().Add(startTimeout))
	_ = p.orders.Write(&frame.Order{Start: &order})
	return nil
}

// own starts the child and waits for its end on a thread of its own, because Pdeathsig is tied to the thread that
// starts a child, not to the process.
func (p *process) own(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.command.Start(); err != nil {
		started <- err
		return
	}
	// Before it has its order the worker takes no memory to speak of.
	offerToKernel(p.command.Process.Pid)
	kills := watchKills(p.killFiles(p.command.Process.Pid))
	started <- nil
	// The child stays unreaped until nobody can signal it any more: until then its number cannot be reused.
	awaitExit(p.command.Process.Pid)
	p.signal(syscall.SIGKILL) // what is left of its process group would hold the pipes open
	p.mu.Lock()
	p.reaped = true
	p.mu.Unlock()
	err := p.command.Wait()
	rose, known := kills.rose() // the kernel counts before it kills
	p.note(func(e *evidence) {
		e.state, e.waitErr = p.command.ProcessState, err
		e.kernelKilled, e.kernelCounts = rose, known
	})
	close(p.exited)
}

// awaitExit returns when a child has ended, and leaves it to be reaped.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}

// read passes the worker's frames on until there are no more.
func (p *process) read() {
	defer close(p.events)
	reader := frame.NewReader(p.pipes.eventRead)
	for {
		// The limit is on waiting for the worker only: a reader of Events who is slow does not make it silent.
		if err := p.pipes.eventRead.SetReadDeadline(time.Now().Add(p.silenceLimit)); err != nil {
			p.giveUp(func(e *evidence) { e.unreadable = err })
			return
		}
		var event frame.Event
		switch err := reader.Read(&event); {
		case err == io.EOF:
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			p.giveUp(func(e *evidence) { e.silent = p.silenceLimit })
			return
		case err != nil:
			p.giveUp(func(e *evidence) { e.unreadable = err })
			return
		}
		p.pass(event)
	}
}

func (p *process) pass(event frame.Event) {
	switch {
	case event.Heartbeat != nil:
	case event.Done != nil:
		p.note(func(e *evidence) { e.done = event.Done })
		p.stop(nil)
	case event.Failed != nil:
		p.note(func(e *evidence) { e.failed = event.Failed })
		p.stop(nil)
	default:
		p.events <- event
	}
}

// giveUp kills a worker that can no longer be followed.
func (p *process) giveUp(why func(*evidence)) {
	p.note(why)
	p.kill()
}

// stop makes the worker end: at once, it is hoped, and if it lingers by force. With a nil cancel it has said its last
// word and needs no order.
func (p *process) stop(cancel *frame.Cancel) {
	p.stopping.Do(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.reaped { // the goroutine that sets it is still served by gather, and so will this one be
			p.serving.Go(func() { p.end(cancel) })
		}
	})
}

func (p *process) end(cancel *frame.Cancel) {
	if cancel != nil {
		// If the worker cannot take the order, the signals that follow do not depend on it.
		_ = p.pipes.orderWrite.SetWriteDeadline(time.Now().Add(p.cancelGrace))
		_ = p.orders.Write(&frame.Order{Cancel: cancel})
	}
	if p.exitsWithin(p.cancelGrace) {
		return
	}
	p.signal(syscall.SIGTERM)
	if p.exitsWithin(p.termGrace) {
		return
	}
	p.kill()
}

func (p *process) exitsWithin(grace time.Duration) bool {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}

func (p *process) kill() {
	p.note(func(e *evidence) { e.killedByUs = true })
	p.signal(syscall.SIGKILL)
}

// signal reaches every process of the worker's group.
func (p *process) signal(signal syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		// The only error is that the group has no living process left, which is what a signal is for.
		_ = syscall.Kill(-p.command.Process.Pid, signal)
	}
}

func (p *process) copyLog() { p.log.copyFrom(p.pipes.logRead) }

// gather sets the outcome when the child, its events and its log have ended.
func (p *process) gather() {
	p.serving.Wait()
	p.pipes.closeOwnEnds()
	closeErr := p.log.Close()
	p.note(func(e *evidence) { e.lastLogLines, e.memoryLine = p.log.lastLines(), p.log.memoryLine })
	p.outcome = p.evidence.judge()
	p.outcome.LogErr = closeErr
	close(p.gone)
}

func (p *process) note(change func(*evidence)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.evidence)
}
