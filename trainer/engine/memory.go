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

// peakDeviceMemory is how much of the device's own memory the job has held at most; 0 where that is not known. A CPU's
// is the process's resident memory, to which everything counts that the process has ever done. For other devices the PJRT
// interface has a call that tells what a device's allocator has given out, and one that tells what a compiled program
// takes; go-xla does not offer the first, and keeps the answer of the second to itself.
func (r *run) peakDeviceMemory() int64 {
	if r.job.Device != "cpu" {
		return 0
	}
	return PeakResidentBytes()
}

// tellMemory tells the observer of the peak if it is not known yet or has grown by more than a tenth.
func (r *run) tellMemory() {
	peak := r.peakDeviceMemory()
	if peak > r.memoryTold+r.memoryTold/10 {
		r.memoryTold = peak
		r.observer.Memory(peak)
	}
}

// ResidentBytes is the host's memory that this process holds now, and PeakResidentBytes the most it ever held; 0 when the
// system does not tell.
func ResidentBytes() int64 { return processMemory("VmRSS:") }

// PeakResidentBytes is documented with ResidentBytes.
func PeakResidentBytes() int64 { return processMemory("VmHWM:") }

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
