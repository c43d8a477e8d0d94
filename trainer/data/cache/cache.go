package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/shannon-labs/scu/trainer/durable"
)

// Options says how a cache behaves. The zero value will do.
type Options struct {
	// MaximumBytes bounds all entries together; 0 is 10 GiB, or a tenth of the
	// file system where that is less.
	MaximumBytes int64
	// Warn is told of what does not work, in one line; nil tells nobody.
	Warn func(message string)
}

// Cache is a directory of entries. It is safe for concurrent use, also by several
// processes.
type Cache struct {
	directory string
	options   Options
	settled   time.Duration // settledAfter, but in tests
}

// The parts of the directory; see the package documentation.
const (
	entriesFolder = "entries"
	digestsFolder = "digests"
	locksFolder   = "locks"
)

// waiting is said where it could otherwise seem that nothing happens.
const waiting = "another job encodes the same data set; this one waits for it"

// waitForLock is how often a lock that another job holds is tried.
const waitForLock = 50 * time.Millisecond

// Open makes the directory if need be.
func Open(directory string, options Options) (*Cache, error) {
	for _, folder := range []string{entriesFolder, digestsFolder, locksFolder} {
		if err := os.MkdirAll(filepath.Join(directory, folder), 0o700); err != nil {
			return nil, fmt.Errorf("open the cache of encoded data sets: %w", err)
		}
	}
	if options.MaximumBytes == 0 {
		options.MaximumBytes = defaultMaximum(directory)
	}
	if options.Warn == nil {
		options.Warn = func(string) {}
	}
	return &Cache{directory: directory, options: options, settled: settledAfter}, nil
}

// Load returns the entry of a key; hit says that it was there. Otherwise it is
// built and kept. While another job builds the same entry, Load waits for it. The
// error is that of build or of the context, never the cache's own.
func (c *Cache) Load(ctx context.Context, key Key, build func(context.Context) (*Entry, error)) (entry *Entry, hit bool, err error) {
	if entry := c.find(key); entry != nil {
		return entry, true, nil
	}
	unlock, err := c.lock(ctx, key)
	if err != nil {
		return nil, false, err
	}
	defer unlock()
	if entry := c.find(key); entry != nil { // another job has built it meanwhile
		return entry, true, nil
	}
	entry, err = build(ctx)
	if err != nil {
		return nil, false, err
	}
	c.store(key, entry)
	return entry, false, nil
}

func (c *Cache) entryPath(key Key) string {
	return filepath.Join(c.directory, entriesFolder, key.String()+entrySuffix)
}

// find reads an entry, or returns nil. One that cannot be read is removed, so that
// the next job does not meet it again.
func (c *Cache) find(key Key) *Entry {
	path := c.entryPath(key)
	entry, err := readEntry(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		c.options.Warn(fmt.Sprintf("an encoded data set in the cache cannot be used and is made anew: %v", err))
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.options.Warn(fmt.Sprintf("it cannot be removed: %v", err))
		}
		return nil
	}
	now := time.Now()
	if err := os.Chtimes(path, now, now); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.options.Warn(fmt.Sprintf("the use of an encoded data set is not recorded, so it may be removed early: %v", err))
	}
	return entry
}

// lock waits until no other job builds the entry. Keys share a few lock files, so
// that these need never be removed; that two unlike keys wait for each other is
// rare and does no harm. Where locks do not work, two jobs may do the same work.
func (c *Cache) lock(ctx context.Context, key Key) (unlock func(), err error) {
	lock := flock.New(filepath.Join(c.directory, locksFolder, fmt.Sprintf("%02x", key[0])))
	locked, err := lock.TryLock()
	if err == nil && !locked {
		c.options.Warn(waiting)
		locked, err = lock.TryLockContext(ctx, waitForLock)
	}
	if ctx.Err() != nil {
		if locked {
			c.unlock(lock)
		}
		return nil, ctx.Err()
	}
	if err != nil {
		c.options.Warn(fmt.Sprintf("the cache of encoded data sets cannot be locked: %v", err))
		return func() {}, nil
	}
	return func() { c.unlock(lock) }, nil
}

func (c *Cache) unlock(lock *flock.Flock) {
	if err := lock.Unlock(); err != nil {
		c.options.Warn(fmt.Sprintf("the cache of encoded data sets cannot be unlocked: %v", err))
	}
}

// store writes an entry and makes room for it.
func (c *Cache) store(key Key, entry *Entry) {
	path := c.entryPath(key)
	err := durable.WriteFile(path, func(file *os.File) error {
		if err := writeEntry(file, entry); err != nil {
			return err
		}
		info, err := file.Stat()
		if err == nil && info.Size() > c.options.MaximumBytes {
			err = fmt.Errorf("it takes %d bytes, more than the %d that the cache may hold", info.Size(), c.options.MaximumBytes)
		}
		return err
	})
	if err != nil {
		c.options.Warn(fmt.Sprintf("the encoded data set is not kept: %v", err))
		return
	}
	if err := c.evict(path); err != nil {
		c.options.Warn(fmt.Sprintf("the cache of encoded data sets may grow beyond %d bytes: %v", c.options.MaximumBytes, err))
	}
}
