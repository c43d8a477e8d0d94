package supervise

import (
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// logDrainLimit is how long the log is still read after the last process of a worker has ended, as far as can be seen.
const logDrainLimit = 5 * time.Second

// child is a [Process] that is a child of this one, with its process group.
//
// Two goroutines serve it: one owns the child (and its thread), and one copies the log. A third gathers how the child
// ended when both are through.
type child struct {
	command   *exec.Cmd
	stream    net.Conn
	printed   *os.File
	log       *logFile
	lock      *runnerLock
	killFiles func(pid int) []string

	serving sync.WaitGroup
	gone    chan struct{} // closed when nothing of the child is left and exit is set
	exit    Exit

	mu     sync.Mutex
	reaped bool
}

func (c *child) Stream() net.Conn { return c.stream }

func (c *child) Terminate() { c.signal(syscall.SIGTERM) }

func (c *child) Kill() { c.signal(syscall.SIGKILL) }

func (c *child) Wait() Exit {
	<-c.gone
	return c.exit
}

// signal reaches every process of the child's group, but never after the child has been reaped, when its number may be
// another's.
func (c *child) signal(signal syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.reaped {
		// The only error is that the group has no living process left, which is what a signal is for.
		_ = syscall.Kill(-c.command.Process.Pid, signal)
	}
}

// start starts the child and the goroutines that serve it.
func (c *child) start() error {
	started := make(chan error)
	c.serving.Go(func() { c.own(started) })
	if err := <-started; err != nil {
		c.serving.Wait()
		return err
	}
	c.serving.Go(func() { c.log.copyFrom(c.printed) })
	go c.gather()
	return nil
}

// own starts the child and waits for its end on a thread of its own, because Pdeathsig is tied to the thread that
// starts a child, not to the process.
func (c *child) own(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := c.command.Start(); err != nil {
		started <- err
		return
	}
	pid := c.command.Process.Pid
	if err := c.lock.handTo(pid); err != nil {
		c.Kill()
		_ = c.command.Wait() // it says "signal: killed"
		started <- err
		return
	}
	// Before it has its order the worker takes no memory to speak of.
	offerToKernel(pid)
	kills := watchKills(c.killFiles(pid))
	started <- nil
	// The child stays unreaped until nobody can signal it any more: until then its number cannot be reused.
	awaitExit(pid)
	c.Kill() // what is left of its process group
	c.mu.Lock()
	c.reaped = true
	c.mu.Unlock()
	err := c.command.Wait()
	c.exit = exitOf(c.command.ProcessState, err)
	c.exit.KernelKilled, c.exit.KernelCounts = kills.rose() // the kernel counts before it kills
	c.lock.clear()
	// Nothing that can be seen holds its other end any more.
	_ = c.printed.SetReadDeadline(time.Now().Add(logDrainLimit))
}

// exitOf is how a child ended. The error of waiting tells an exit code again, and counts only where there is none.
func exitOf(state *os.ProcessState, err error) Exit {
	if state == nil {
		return Exit{Err: err}
	}
	status, _ := state.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return Exit{Signal: status.Signal()}
	}
	return Exit{Code: state.ExitCode()}
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

// gather completes the exit when the child and its log have ended.
func (c *child) gather() {
	c.serving.Wait()
	_ = c.printed.Close() // nothing more can come
	c.exit.LastLines, c.exit.Headline, c.exit.MemoryLine = c.log.lastLines(), c.log.headline, c.log.memoryLine
	c.exit.LogErr = c.log.Close()
	close(c.gone)
}
