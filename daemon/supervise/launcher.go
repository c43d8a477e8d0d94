package supervise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/shannon-labs/scu/protocol/frame"
)

// Launcher starts workers.
type Launcher interface {
	// Launch starts a worker and gives it its order. The context bounds the launch, not the worker's life.
	Launch(ctx context.Context, start frame.Start) (Worker, error)
}

// Worker is a worker that has been started. Its owner reads Events until they end and then calls Wait.
type Worker interface {
	// Events gives what the worker says, but heartbeats and the last word, which is in the [Outcome]. The channel is
	// closed when the worker can say no more. A worker whose events are not read blocks.
	Events() <-chan frame.Event
	// Cancel makes the worker stop: it is asked, and killed if it does not comply in time. It returns at once, and
	// calls after the first do nothing.
	Cancel(reason string)
	// Wait returns when nothing of the worker is left.
	Wait() Outcome
}

// Local starts workers as child processes on this machine.
type Local struct {
	Command []string // executable and arguments of a worker
	Env     []string // KEY=value, added to this process's environment; the last of a key holds
	LogDir  string   // <job>.log there takes a worker's stderr and stdout

	SilenceLimit time.Duration // without a frame, before a worker counts as hung; 0 means 2 minutes, since compiling takes long
	CancelGrace  time.Duration // between asking and SIGTERM; 0 means 20 seconds
	TermGrace    time.Duration // between SIGTERM and SIGKILL; 0 means 5 seconds

	killFiles func(pid int) []string // nil means killFilesOf
}

// Launch starts a worker process.
func (l *Local) Launch(ctx context.Context, start frame.Start) (Worker, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	log, err := openLog(filepath.Join(l.LogDir, start.JobID+".log"))
	if err != nil {
		return nil, err
	}
	pipes, err := openPipes()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open a worker's pipes: %w", err), log.Close())
	}
	p := &process{
		command:      l.command(pipes),
		pipes:        pipes,
		log:          log,
		orders:       frame.NewWriter(pipes.orderWrite),
		silenceLimit: cmp.Or(l.SilenceLimit, 2*time.Minute),
		cancelGrace:  cmp.Or(l.CancelGrace, 20*time.Second),
		termGrace:    cmp.Or(l.TermGrace, 5*time.Second),
		killFiles:    l.killFiles,
		events:       make(chan frame.Event, 64),
		exited:       make(chan struct{}),
		gone:         make(chan struct{}),
	}
	if p.killFiles == nil {
		p.killFiles = killFilesOf
	}
	if err := p.start(start); err != nil {
		return nil, err
	}
	return p, nil
}

func (l *Local) command(pipes *pipes) *exec.Cmd {
	command := exec.Command(l.Command[0], l.Command[1:]...)
	command.Env = append(os.Environ(), l.Env...)
	command.ExtraFiles = []*os.File{frame.OrderDescriptor - 3: pipes.orderRead, frame.EventDescriptor - 3: pipes.eventWrite}
	command.Stdout, command.Stderr = pipes.logWrite, pipes.logWrite
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return command
}

// pipes are the three between daemon and worker, both ends of each.
type pipes struct {
	orderRead, orderWrite *os.File
	eventRead, eventWrite *os.File
	logRead, logWrite     *os.File
}

func openPipes() (p *pipes, err error) {
	p = &pipes{}
	for _, ends := range [][2]**os.File{{&p.orderRead, &p.orderWrite}, {&p.eventRead, &p.eventWrite}, {&p.logRead, &p.logWrite}} {
		if *ends[0], *ends[1], err = os.Pipe(); err != nil {
			p.closeWorkerEnds()
			p.closeOwnEnds()
			return nil, err
		}
	}
	return p, nil
}

// closeWorkerEnds closes what the child has inherited: as long as the parent held them, it would never see the end.
func (p *pipes) closeWorkerEnds() { closeAll(p.orderRead, p.eventWrite, p.logWrite) }

func (p *pipes) closeOwnEnds() { closeAll(p.orderWrite, p.eventRead, p.logRead) }

// closeAll closes pipe ends. Closing a pipe cannot lose data, so its error tells nothing; a nil file gives one too.
func closeAll(files ...*os.File) {
	for _, file := range files {
		_ = file.Close()
	}
}
