package daemon

import (
	"fmt"

	"github.com/shannon-labs/scu/protocol"
	"golang.org/x/sys/unix"
)

// checkDisk refuses to begin what could not be finished for want of space.
func (d *daemon) checkDisk() error {
	var stat unix.Statfs_t
	if err := unix.Statfs(d.options.Home, &stat); err != nil {
		return fmt.Errorf("ask for the free space of %s: %w", d.options.Home, err)
	}
	free, need := stat.Bavail*uint64(stat.Bsize), d.options.MinFreeBytes
	if free >= need {
		return nil
	}
	refusal := protocol.NewError(protocol.CodeOutOfDisk, "the file system of %s has %d MB free; a job needs %d MB", d.options.Home, free/1e6, need/1e6).
		WithHint("delete adapters or caches that are not used, or name a larger file system in SCU_HOME, then submit the job again")
	refusal.Retryable = true
	return refusal
}
