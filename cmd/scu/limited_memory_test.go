package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// limitedMemory is a control group of processes that share so much memory and no more.
type limitedMemory struct {
	directory string
	counts    string // the file in which the kernel counts its kills
}

// limitMemory makes a group beneath that of this process, so that whatever limits this one limits it too. Where the system
// does not let it, it says why.
func limitMemory(t *testing.T, limit int64) (group limitedMemory, refused error) {
	t.Helper()
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return group, err
	}
	parent, limitFile, counts := ownMemoryGroup(string(own))
	if parent == "" {
		return group, fmt.Errorf("this process has no control group of memory: %s", own)
	}
	group.directory = filepath.Join(parent, fmt.Sprintf("scu-test-%d", os.Getpid()))
	group.counts = filepath.Join(group.directory, counts)
	if err := os.Mkdir(group.directory, 0o755); err != nil {
		return group, err
	}
	t.Cleanup(func() { group.remove(t) })
	if err := os.WriteFile(filepath.Join(group.directory, limitFile), []byte(strconv.FormatInt(limit, 10)), 0); err != nil {
		return group, err
	}
	for name, value := range map[string]string{"memory.swap.max": "0", "memory.swappiness": "0"} { // of version 2 and 1
		_ = os.WriteFile(filepath.Join(group.directory, name), []byte(value), 0)
	}
	return group, nil
}

// ownMemoryGroup finds the group of this process where systems commonly mount it; limit and counts are files in it.
func ownMemoryGroup(cgroups string) (directory, limit, counts string) {
	for line := range strings.Lines(cgroups) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(fields) == 3 && fields[1] == "memory":
			return filepath.Join("/sys/fs/cgroup/memory", fields[2]), "memory.limit_in_bytes", "memory.oom_control"
		case len(fields) == 3 && fields[1] == "":
			directory, limit, counts = filepath.Join("/sys/fs/cgroup", fields[2]), "memory.max", "memory.events"
		}
	}
	return directory, limit, counts
}

// add moves a process into the group.
func (g limitedMemory) add(t *testing.T, process *os.Process) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(g.directory, "cgroup.procs"), []byte(strconv.Itoa(process.Pid)), 0); err != nil {
		t.Fatal(err)
	}
}

// remove removes the group, whose processes have been told to end.
func (g limitedMemory) remove(t *testing.T) {
	deadline := time.Now().Add(patience)
	for {
		err := os.Remove(g.directory)
		if err == nil || time.Now().After(deadline) {
			if err != nil {
				t.Error(err)
			}
			return
		}
		time.Sleep(10 * time.Millisecond) // version 1 tells nobody when a group is empty
	}
}

// killed is how many processes of the group the kernel has killed.
func (g limitedMemory) killed() int {
	text, err := os.ReadFile(g.counts)
	if err != nil {
		panic(err)
	}
	_, after, _ := bytes.Cut(text, []byte("oom_kill "))
	number, _, _ := bytes.Cut(after, []byte("\n"))
	count, err := strconv.Atoi(string(number))
	if err != nil {
		panic(err)
	}
	return count
}

// What a hog is to do stands in its environment.
const (
	hogCounts = "SCU_TEST_HOG_COUNTS" // the file in which the kernel counts its kills
	hogPieces = "SCU_TEST_HOG_PIECES" // how many pieces of hogPiece bytes it takes at most
	hogPiece  = 4 << 20
)

// hog takes memory, once its standard input has ended, and keeps it until the kernel has killed something for it.
func hog() {
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		panic(err)
	}
	most, err := strconv.Atoi(os.Getenv(hogPieces))
	if err != nil {
		panic(err)
	}
	group := limitedMemory{counts: os.Getenv(hogCounts)}
	var taken [][]byte
	for group.killed() == 0 {
		if len(taken) == most {
			time.Sleep(10 * time.Millisecond) // each version tells it in a way of its own; a count is in both
			continue
		}
		piece := make([]byte, hogPiece)
		for i := 0; i < len(piece); i += 4 << 10 {
			piece[i] = 1
		}
		taken = append(taken, piece)
	}
	os.Exit(0)
}

// squeeze fills the group until the kernel kills one of its processes. Several programs fill it, because the kernel would
// take one that held nearly all of the memory, and not the worker.
func (g limitedMemory) squeeze(t *testing.T, limit int64) {
	t.Helper()
	const hogs = 5
	var commands []*exec.Cmd
	var begin []io.Closer
	for range hogs {
		c := exec.CommandContext(t.Context(), os.Args[0])
		c.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", roleVariable+"=hog", hogCounts+"="+g.counts, fmt.Sprintf("%s=%d", hogPieces, limit/hogPiece/(hogs-1)))
		c.Stderr = os.Stderr
		input, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		g.add(t, c.Process)
		commands, begin = append(commands, c), append(begin, input)
	}
	for _, input := range begin {
		if err := input.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range commands {
		// One that waits for memory while the first to be killed still gives its own back can be killed after it.
		if err := c.Wait(); err != nil && err.Error() != "signal: killed" {
			t.Errorf("a program that takes memory: %v", err)
		}
	}
}
