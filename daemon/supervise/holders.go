package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// identity tells a process from every other one since the machine was started: numbers are used again, and a number's
// process has started at another time then.
type identity struct {
	pid   int
	start uint64 // in ticks of the system's clock since it was started
}

// identify reads the identity of a living process.
func identify(pid int) (identity, error) {
	s, err := statOf(pid)
	return identity{pid, s.start}, err
}

// write puts down who holds the lock.
func (l *runnerLock) write(who identity) error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt(fmt.Appendf(nil, "%d %d\n", who.pid, who.start), 0)
	return err
}

// leader is who holds the lock as its file says, and whether that is the process which has the number now.
func (l *runnerLock) leader() (who identity, known bool) {
	text, err := io.ReadAll(io.NewSectionReader(l.file, 0, 64))
	if err != nil {
		return identity{}, false
	}
	if _, err := fmt.Sscanf(string(text), "%d %d\n", &who.pid, &who.start); err != nil || who.pid <= 1 {
		return identity{}, false
	}
	now, err := identify(who.pid)
	return who, err == nil && now == who
}

// holders lists the processes that have the lock's file open, and those of the group of the one that it was handed to.
func (l *runnerLock) holders() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("look for the processes that hold %s: %w", l.file.Name(), err)
	}
	var found []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && pid != os.Getpid() && l.heldBy(pid) {
			found = append(found, pid)
		}
	}
	return found, nil
}

// heldBy reports whether a process belongs to those who hold the lock. One that has ended meanwhile does not, nor does one
// that is dead and not yet reaped.
func (l *runnerLock) heldBy(pid int) bool {
	if l.passedOn() {
		return false
	}
	leader, known := l.leader()
	if known {
		s, err := statOf(pid)
		if err == nil && !s.dead && s.group == leader.pid {
			return true
		}
	}
	descriptors, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return false
	}
	base := "/" + filepath.Base(l.file.Name())
	for _, descriptor := range descriptors {
		// The name first: to ask a file system that has gone away could take for ever.
		if name, err := os.Readlink(descriptor); err == nil && strings.HasSuffix(name, base) && l.isAt(descriptor) {
			return true
		}
	}
	return false
}

// end kills a process that holds the lock and waits for its death, at most until ctx ends. It does nothing to a process
// that turns out to be another one.
func (l *runnerLock) end(ctx context.Context, pid int) error {
	process, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(process)
	// Only now is it certain whose number this is: the descriptor is for one process, whoever gets the number next.
	if !l.heldBy(pid) {
		return nil
	}
	if err := unix.PidfdSendSignal(process, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	awaitDeath(ctx, process)
	return nil
}

// awaitDeath waits until the process of a descriptor has ended, whoever its parent is, or ctx has.
func awaitDeath(ctx context.Context, process int) {
	ready := []unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}
	for ctx.Err() == nil {
		if n, err := unix.Poll(ready, 100); n > 0 || err != nil && err != unix.EINTR {
			return
		}
	}
}

// processStat is what is needed here of /proc/PID/stat, see proc_pid_stat(5).
type processStat struct {
	dead  bool // and not reaped
	group int
	start uint64
}

func statOf(pid int) (processStat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return processStat{}, err
	}
	return parseStat(string(text))
}

func parseStat(text string) (processStat, error) {
	// The name stands in brackets and may hold any character.
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	const state, group, start = 0, 2, 19 // counted from the one after the name
	if len(fields) <= start {
		return processStat{}, fmt.Errorf("%q is not the status of a process", text)
	}
	s := processStat{dead: fields[state] == "Z" || fields[state] == "X"}
	var groupErr, startErr error
	s.group, groupErr = strconv.Atoi(fields[group])
	s.start, startErr = strconv.ParseUint(fields[start], 10, 64)
	return s, errors.Join(groupErr, startErr)
}
