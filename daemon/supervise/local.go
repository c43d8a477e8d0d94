package supervise

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/shannon-labs/scu/protocol/frame"
	"golang.org/x/sys/unix"
)

// Local is the [Launcher] of child processes on this machine. Its directories must be there.
type Local struct {
	Command   []string                     // executable and arguments of a worker
	Env       []string                     // KEY=value, added to this process's environment; the last of a key holds
	LogDir    string                       // <job>.log there takes a worker's stderr and stdout
	LocksDir  string                       // <job>.lock there is held by a worker as long as anything of it lives; see [ReapOrphans]
	DeviceEnv func(device string) []string // KEY=value that keep a worker to its device, after Env; nil means none

	killFiles        func(pid int) []string // nil means killFilesOf
	survivesItsOwner bool                   // no signal at the daemon's death, for tests
}

// Launch starts a worker process. A process that still runs the job, such as one whose daemon has died, is killed first;
// where that is in vain the error names it.
func (l *Local) Launch(ctx context.Context, order Order) (Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	lock, err := takeRunnerLock(ctx, filepath.Join(l.LocksDir, order.JobID+lockSuffix))
	if err != nil {
		return nil, err
	}
	log, err := openLog(filepath.Join(l.LogDir, order.JobID+".log"))
	if err != nil {
		return nil, errors.Join(err, lock.remove())
	}
	c, err := l.start(order, lock, log)
	if err != nil {
		return nil, errors.Join(err, lock.remove(), log.Close())
	}
	return c, nil
}

func (l *Local) start(order Order, lock *runnerLock, log *logFile) (*child, error) {
	stream, theirs, err := openStream()
	if err != nil {
		return nil, fmt.Errorf("open a worker's stream: %w", err)
	}
	defer theirs.Close() // as long as the parent held it, it would never see the end
	printed, print, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open a worker's output: %w", err), stream.Close())
	}
	defer print.Close()
	c := &child{
		command: l.command(order, print, theirs, lock.file), stream: stream, printed: printed, log: log, lock: lock,
		killFiles: killFilesOf, gone: make(chan struct{}),
	}
	if l.killFiles != nil {
		c.killFiles = l.killFiles
	}
	if err := c.start(); err != nil {
		return nil, errors.Join(err, stream.Close(), printed.Close())
	}
	return c, nil
}

func (l *Local) command(order Order, output, stream, lock *os.File) *exec.Cmd {
	command := exec.Command(l.Command[0], l.Command[1:]...)
	command.Env = append(os.Environ(), l.Env...)
	if l.DeviceEnv != nil {
		command.Env = append(command.Env, l.DeviceEnv(order.Device)...)
	}
	// The lock only has to be open, in the worker and in whatever that starts.
	command.ExtraFiles = []*os.File{frame.Descriptor - 3: stream, frame.Descriptor - 2: lock}
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if !l.survivesItsOwner {
		command.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	return command
}

// openStream opens the stream between daemon and worker, both ends of it.
func openStream() (ours net.Conn, theirs *os.File, err error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	theirs = os.NewFile(uintptr(ends[1]), "the worker's end of its stream")
	file := os.NewFile(uintptr(ends[0]), "the daemon's end of a worker's stream")
	defer file.Close() // the connection has a descriptor of its own
	if ours, err = net.FileConn(file); err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return ours, theirs, nil
}
