package engine

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/shannon-labs/scu/protocol"
)

// refuseAddressLimit refuses to train on the CPU where the system limits the address space (ulimit -v). Allocations fail
// there, not all of them are noticed by the code that XLA calls, and a step was seen to come out of it with a gradient of
// another size and without an error.
func refuseAddressLimit(device string) error {
	if device != "cpu" {
		return nil
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &limit); err != nil {
		return fmt.Errorf("ask for the limit of the address space: %w", err)
	}
	return checkAddressSpace(&limit)
}

func checkAddressSpace(limit *unix.Rlimit) error {
	if limit.Cur == unix.RLIM_INFINITY {
		return nil
	}
	return protocol.NewError(protocol.CodeOutOfMemory,
		"the address space is limited to %d MB (ulimit -v), under which a step on the CPU can go wrong without an error", limit.Cur/1e6).
		WithHint("stop the daemon, remove the limit with ulimit -v unlimited, and submit the job again; a limit on resident memory, such as a cgroup's, does no harm")
}
