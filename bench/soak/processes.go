package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is a living process of the soak, found by its mark.
type process struct {
	pid  int
	line string // its command line
}

// role is what the process was started as: a role of this program, or "child" for what a worker has started.
func (p process) role() string {
	fields := strings.Fields(p.line)
	for _, role := range []string{roleDaemon, roleWorker} {
		if len(fields) > 1 && fields[1] == role {
			return role
		}
	}
	return "child"
}

func (p process) String() string { return fmt.Sprintf("process %d (%s)", p.pid, p.line) }

// processes lists those that bear the mark, but this one. One that has ended and was not waited for is not among them.
func (g *ground) processes(roles ...string) ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	mark := []byte(markVariable + "=" + g.mark + "\x00")
	var found []process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		environment, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		if err != nil || !bytes.Contains(environment, mark) {
			if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.ESRCH) {
				continue // ended meanwhile, or somebody else's
			}
			return nil, err
		}
		line, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if err != nil || len(line) == 0 {
			continue
		}
		p := process{pid: pid, line: strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))}
		if len(roles) == 0 || slices.Contains(roles, p.role()) {
			found = append(found, p)
		}
	}
	return found, nil
}

// awaitNone returns when no process of these roles is left, or with those that are after a while.
func (g *ground) awaitNone(patience time.Duration, roles ...string) ([]process, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		left, err := g.processes(roles...)
		if err != nil || len(left) == 0 || time.Now().After(deadline) {
			return left, err
		}
	}
}

// signal reaches a process only while it bears the mark: a number may have become another's.
func (g *ground) signal(p process, signal unix.Signal) error {
	handle, err := unix.PidfdOpen(p.pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(handle)
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.pid))
	if err != nil || !bytes.Contains(environment, []byte(markVariable+"="+g.mark)) {
		return nil
	}
	if err := unix.PidfdSendSignal(handle, signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// killAll ends every process of the soak.
func (g *ground) killAll() error {
	for range 100 {
		left, err := g.processes()
		if err != nil || len(left) == 0 {
			return err
		}
		for _, p := range left {
			if err := g.signal(p, unix.SIGKILL); err != nil {
				return err
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("processes of the soak cannot be ended")
}
