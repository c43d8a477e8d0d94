package durable

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// SpareBytes are to stay free on a file system when something large was written: logs and the like need room too.
const SpareBytes = 64 << 20

// NoRoomError says that a file system has not the room for what was to be written. It is [unix.ENOSPC].
type NoRoomError struct {
	Path       string // where it was to be written
	Need, Free int64  // bytes; what is to stay free is part of Need
}

func (e *NoRoomError) Error() string {
	return fmt.Sprintf("the file system of %s has %.1f MB free, and %.1f MB are needed", e.Path, float64(e.Free)/1e6, float64(e.Need)/1e6)
}

// Unwrap makes the error one of a full file system.
func (e *NoRoomError) Unwrap() error { return unix.ENOSPC }

// IsFull reports whether something failed because a file system, or what its user may take of it, is full.
func IsFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// FreeBytes is how much may still be written to the file system of a directory.
func FreeBytes(directory string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(directory, &stat); err != nil {
		return 0, fmt.Errorf("ask for the free space of %s: %w", directory, err)
	}
	return int64(stat.Bavail) * int64(stat.Bsize), nil
}

// WithRoom calls write, which writes so many bytes into a directory, if there is room for them and [SpareBytes] more. That
// there is none gives a *[NoRoomError], be it seen before or in the middle of writing. It holds nothing back for write:
// others may take the room meanwhile. free is [FreeBytes] but in tests.
func WithRoom(directory string, bytes int64, free func(directory string) (int64, error), write func() error) error {
	need := bytes + SpareBytes
	have, err := free(directory)
	if err != nil {
		return err
	}
	if have < need {
		return &NoRoomError{Path: directory, Need: need, Free: have}
	}
	if err = write(); !IsFull(err) {
		return err
	}
	if now, freeErr := free(directory); freeErr == nil {
		have = now
	}
	return fmt.Errorf("%w (%w)", &NoRoomError{Path: directory, Need: need, Free: have}, err)
}
