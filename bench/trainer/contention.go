package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

// quietOthers is the share of the machine that others may take before figures are called untrustworthy.
const quietOthers = 0.03

// ticksPerSecond is the unit of processor times in /proc, which is the same on every Linux of the usual platforms.
const ticksPerSecond = 100

// contention finds out what other processes took of the machine while the arms ran.
type contention struct {
	arms  []*arm
	began time.Time
	busy  int64 // ticks of all processors
	own   int64 // of these, the arms' and this process's
}

func watchContention(arms ...*arm) (*contention, error) {
	c := &contention{arms: arms, began: time.Now()}
	var err error
	c.busy, c.own, err = c.ticks()
	return c, err
}

// others is the share of the processors' time since watchContention that went to other processes, or to other guests
// of the same host.
func (c *contention) others() (float64, error) {
	busy, own, err := c.ticks()
	if err != nil {
		return 0, err
	}
	available := time.Since(c.began).Seconds() * ticksPerSecond * float64(runtime.NumCPU())
	return max(0, float64(busy-c.busy-(own-c.own))/available), nil
}

func (c *contention) ticks() (busy, own int64, err error) {
	machine, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	if busy, err = busyTicks(machine); err != nil {
		return 0, 0, fmt.Errorf("read /proc/stat: %w", err)
	}
	paths := []string{"/proc/self/stat"}
	for _, a := range c.arms {
		paths = append(paths, a.file("stat"))
	}
	for _, path := range paths {
		process, err := os.ReadFile(path)
		if err != nil {
			return 0, 0, err
		}
		ticks, err := processTicks(process)
		if err != nil {
			return 0, 0, fmt.Errorf("read %s: %w", path, err)
		}
		own += ticks
	}
	return busy, own, nil
}

// busyTicks sums the first line of /proc/stat without what is idle (the fourth number) or waits for disks (the fifth).
// The ninth and tenth, of guests, are in the first two already.
func busyTicks(stat []byte) (int64, error) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return 0, fmt.Errorf("its first line is %q", line)
	}
	var sum int64
	for i := 1; i <= 8; i++ {
		if i == 4 || i == 5 {
			continue
		}
		ticks, err := strconv.ParseInt(string(fields[i]), 10, 64)
		if err != nil {
			return 0, err
		}
		sum += ticks
	}
	return sum, nil
}

// processTicks is the user and system time of all threads in a process's stat. The name in it, between parentheses, can
// hold anything.
func processTicks(stat []byte) (int64, error) {
	const user, system = 11, 12 // fields after the name, from 0
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= system {
		return 0, fmt.Errorf("it is %q", stat)
	}
	var sum int64
	for _, field := range [][]byte{fields[user], fields[system]} {
		ticks, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, err
		}
		sum += ticks
	}
	return sum, nil
}
