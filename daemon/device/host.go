package device

import (
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"github.com/shannon-labs/scu/daemon/cgroup"
)

const (
	// Of the machine's memory a tenth is left to the system and to what else runs there, and at least a GiB: less would have
	// the kernel push files out of memory that are in use, and then kill. A machine as small as that would be left
	// without jobs keeps a quarter only.
	leastReserve = 1 << 30
	// A control group holds the daemon, which stays below 100 MB, besides its workers. The kernel's share of it is small, and
	// what it keeps of files it gives back.
	groupReserve = 128 << 20
)

// hostMemory is how much memory jobs may take of this machine, in bytes: what it has or, where the daemon's control group
// may take less, that, each less a reserve. It is a budget for all jobs together, of what there is, and not what is free
// at the moment: that changes with every program that starts or ends.
func hostMemory() (int64, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, fmt.Errorf("ask how much memory the machine has: %w", err)
	}
	machine := int64(info.Totalram) * int64(info.Unit)
	limit := int64(math.MaxInt64)
	for _, group := range cgroup.Of(os.Getpid()) {
		if bytes, limited := group.MemoryLimit(); limited {
			limit = min(limit, bytes)
		}
	}
	return jobMemory(machine, limit), nil
}

// jobMemory leaves the reserves out of a machine's memory and of a group's limit.
func jobMemory(machine, limit int64) int64 {
	machine -= min(max(machine/10, leastReserve), machine/4)
	limit -= min(groupReserve, limit/4)
	return min(machine, limit)
}
