package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine is where the figures come from.
type machine struct {
	CPU        string  `json:"cpu"`
	Cores      int     `json:"cores"`
	Load       float64 `json:"load"` // processes that were running before, averaged over a minute
	Directory  string  `json:"directory"`
	FileSystem string  `json:"file_system"`
	SyncMedian float64 `json:"sync_median_ms"` // of a small write and its fdatasync, milliseconds
	SyncP99    float64 `json:"sync_p99_ms"`
}

// idleLoad is the load average above which figures are not to be trusted.
const idleLoad = 0.3

func describeMachine(directory string) (*machine, error) {
	m := &machine{Cores: runtime.NumCPU(), Directory: filepath.Dir(directory), CPU: "a processor of unknown name"}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return nil, err
	}
	first, _, _ := bytes.Cut(load, []byte(" "))
	if m.Load, err = strconv.ParseFloat(string(first), 64); err != nil {
		return nil, fmt.Errorf("read /proc/loadavg: %w", err)
	}
	processor, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return nil, err
	}
	for line := range strings.SplitSeq(string(processor), "\n") {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			m.CPU = strings.TrimSpace(value)
		}
	}
	if m.FileSystem, err = fileSystemOf(directory); err != nil {
		return nil, err
	}
	return m, m.measureSync(directory)
}

// fileSystemOf is the kind of the file system that a directory lies on: that of the longest mount point above it.
func fileSystemOf(directory string) (string, error) {
	mounts, err := os.Open("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	defer mounts.Close()
	longest, kind := "", "an unknown file system"
	lines := bufio.NewScanner(mounts)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 {
			continue
		}
		relative, err := filepath.Rel(fields[1], directory)
		if err == nil && filepath.IsLocal(relative) && len(fields[1]) >= len(longest) {
			longest, kind = fields[1], fields[2]
		}
	}
	return kind, lines.Err()
}

func (m *machine) measureSync(directory string) error {
	file, err := os.CreateTemp(directory, "sync")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	var times []time.Duration
	block := make([]byte, 4096)
	for i := range 300 {
		began := time.Now()
		if _, err := file.WriteAt(block, int64(i)*int64(len(block))); err != nil {
			return err
		}
		if err := unix.Fdatasync(int(file.Fd())); err != nil {
			return fmt.Errorf("fdatasync in %s: %w", directory, err)
		}
		times = append(times, time.Since(began))
	}
	m.SyncMedian, m.SyncP99 = milliseconds(quantile(times, 0.5)), milliseconds(quantile(times, 0.99))
	return nil
}
