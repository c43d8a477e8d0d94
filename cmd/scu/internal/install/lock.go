package install

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockRetry is how often a held lock is tried again. A blocking flock could not be ended by a context.
const lockRetry = 100 * time.Millisecond

// lock waits until this process alone holds the lock file, and returns how to let it go. The kernel lets it go when the
// process dies, so a lock is never stale.
func (i *Installer) lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fileFailure("open "+path, err)
	}
	retry := time.NewTicker(lockRetry)
	defer retry.Stop()
	for waited := false; ; waited = true {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			_ = file.Close()
			return nil, fileFailure("lock "+path, err)
		}
		if !waited {
			i.note("another setup is at work; waiting for it")
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, ctx.Err()
		case <-retry.C:
		}
	}
}
