package engine

import (
	"bytes"
	"os"
	"strconv"
)

// deviceMemory is how much of the device's own memory the run holds. A CPU's is the process's resident memory; of another
// device XLA does not tell, which is 0.
func (r *run) deviceMemory() int64 {
	if r.job.Device != "cpu" {
		return 0
	}
	return ResidentBytes()
}

// ResidentBytes is the host's memory that this process holds now, and peakBytes the most it ever held; 0 when the system
// does not tell.
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
