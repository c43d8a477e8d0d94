package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const lockSuffix = ".lock"

// evictLimit bounds how long somebody who wants a lock waits for the death of those who hold it. SIGKILL is quick but for a
// process that waits for a device in the kernel.
const evictLimit = 10 * time.Second

// lookAgain is how long to wait before a look at a lock that is held by nobody who can be seen: a process that is being
// started holds it for a moment.
const lookAgain = 10 * time.Millisecond

// errPassedOn says that a lock has another worker now.
var errPassedOn = errors.New("the lock has been handed to another worker")

// runnerLock is the lock of a job's one runner. A worker inherits it open and never looks at it, and so does what the
// worker starts: the kernel gives it free when the last of them has ended, however that came about.
type runnerLock struct {
	file *os.File
	of   identity // whom the lock was handed to; as long as that is nobody, whoever holds it has to go
}

// takeRunnerLock takes the lock at a path, and kills whatever holds it.
func takeRunnerLock(ctx context.Context, path string) (*runnerLock, error) {
	ctx, cancel := context.WithTimeout(ctx, evictLimit)
	defer cancel()
	for {
		l, err := openRunnerLock(path)
		if err != nil {
			return nil, err
		}
		if err := l.evict(ctx); err != nil {
			return nil, errors.Join(err, l.file.Close())
		}
		if !l.isAt(path) { // whoever held it has removed it, as its last act
			_ = l.file.Close()
			continue
		}
		// From here on it is not that of the worker before, whose remains are no longer looked for under its name.
		if err := l.file.Truncate(0); err != nil {
			return nil, errors.Join(fmt.Errorf("write the lock of a job's runner: %w", err), l.file.Close())
		}
		return l, nil
	}
}

func openRunnerLock(path string) (*runnerLock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of a job's runner: %w", err)
	}
	return &runnerLock{file: file}, nil
}

// try takes the lock if nobody holds it.
func (l *runnerLock) try() (taken bool, err error) {
	for {
		err := unix.Flock(int(l.file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, unix.EINTR):
			return false, fmt.Errorf("lock %s: %w", l.file.Name(), err)
		}
	}
}

// evict takes the lock, and until it has it kills those who hold it.
func (l *runnerLock) evict(ctx context.Context) error {
	for {
		if taken, err := l.try(); taken || err != nil {
			return err
		}
		if l.passedOn() {
			return errPassedOn
		}
		holders, err := l.holders()
		if err != nil {
			return err
		}
		for _, pid := range holders {
			if err := l.end(ctx, pid); err != nil {
				return fmt.Errorf("end process %d, which holds %s: %w", pid, l.file.Name(), err)
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the job still has a runner, process %v, which cannot be ended: %s is held: %w", l.named(holders), l.file.Name(), context.Cause(ctx))
		}
		if len(holders) == 0 {
			waitFor(ctx, lookAgain)
		}
	}
}

// named is who holds the lock, for a person: those that were found, or who is said to have it.
func (l *runnerLock) named(holders []int) []int {
	if who, known := l.leader(); known && len(holders) == 0 {
		return []int{who.pid}
	}
	return holders
}

func waitFor(ctx context.Context, while time.Duration) {
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// isAt reports whether the file is the one at a path, and not one that was removed from there.
func (l *runnerLock) isAt(path string) bool {
	there, err := os.Stat(path)
	if err != nil {
		return false
	}
	here, err := l.file.Stat()
	return err == nil && os.SameFile(here, there)
}

// handTo leaves the lock to a child that has inherited it, and writes down who that is.
func (l *runnerLock) handTo(pid int) error {
	who, err := identify(pid)
	if err == nil {
		err = l.write(who)
	}
	if err != nil {
		return fmt.Errorf("write the lock of a job's runner: %w", err)
	}
	l.of = who
	return l.file.Close() // this does not unlock what another process has open too
}

// passedOn reports whether the lock was handed to one worker and belongs to another one now.
func (l *runnerLock) passedOn() bool {
	if l.of == (identity{}) {
		return false
	}
	who, _ := l.leader()
	return who != l.of
}

// clear ends what has a lock after its worker has ended, such as a process that has left the worker's group, and removes
// the lock. What cannot be ended keeps it, and the next who wants it meets that.
func (l *runnerLock) clear() {
	again, err := openRunnerLock(l.file.Name())
	if err != nil {
		return
	}
	again.of = l.of
	ctx, cancel := context.WithTimeout(context.Background(), evictLimit)
	defer cancel()
	if again.evict(ctx) != nil {
		_ = again.file.Close()
		return
	}
	_ = again.remove() // should that fail, what is left is a file that nobody holds
}

// remove gives a lock free that is held, and removes its file, unless another one has its name by now.
func (l *runnerLock) remove() error {
	var err error
	if l.isAt(l.file.Name()) {
		err = os.Remove(l.file.Name())
	}
	return errors.Join(err, l.file.Close())
}
