package engine

import (
	"bytes"
	"os"
	"strconv"
)

// ResidentBytes is the memory that this process holds now, and peakBytes the most it ever held; 0 when the system does
// not tell.
func ResidentBytes() int64 { return processMemory("VmRSS:") }

func peakBytes() int64 { return processMemory("VmHWM:") }

// processMemory reads a line of /proc/self/status, whose unit is kB.
func processMemory(key string) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(status) {
		if fields := bytes.Fields(line); len(fields) == 3 && string(fields[0]) == key {
			kilobytes, err := strconv.ParseInt(string(fields[1]), 10, 64)
			if err != nil {
				return 0
			}
			return kilobytes << 10
		}
	}
	return 0
}
