package store

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/mattn/go-sqlite3"
	"github.com/shannon-labs/scu/protocol"
)

// What can be wrong with the request or with the disk; the rest is a bug or a broken file system.
var (
	ErrNotFound   = errors.New("not found")
	ErrNotRunning = errors.New("the job is not running")
	ErrDamaged    = errors.New("the database is damaged")
	ErrDiskFull   = errors.New("no space is left on the device")

	// ErrUnavailable says that the database cannot be used for the time being, for example because another program has locked it.
	ErrUnavailable = errors.New("it cannot be used at the moment")
)

// MayPass reports whether the same call may succeed later, though nothing is changed about it.
func MayPass(err error) bool { return errors.Is(err, ErrDiskFull) || errors.Is(err, ErrUnavailable) }

// passing are the codes of SQLite that say [ErrUnavailable].
var passing = []sqlite3.ErrNo{
	sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrProtocol, // of another process
	sqlite3.ErrIoErr, sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrNomem, // of this machine
}

// NewerSchemaError says that a newer program has written the database.
type NewerSchemaError struct {
	Path         string
	Found, Known int // schema versions
}

func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("the job store %s has schema version %d, but this program knows versions up to %d: a newer scu has used it; "+
		"run that one, or name another directory in SCU_HOME", e.Path, e.Found, e.Known)
}

// NameTakenError says that a living job has the name already.
type NameTakenError struct {
	Name   string
	JobID  string // the job that has it
	Status protocol.Status
}

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("the name %q belongs to job %s, which is %s", e.Name, e.JobID, e.Status)
}

// RequestReusedError says that a request id came again with another specification.
type RequestReusedError struct{ RequestID, JobID string }

func (e *RequestReusedError) Error() string {
	return fmt.Sprintf("request_id %q was used for job %s with another specification", e.RequestID, e.JobID)
}

// explain says what was being done, adds the file's name to an error of SQLite, and makes the kinds that a person can
// act on recognisable.
func (s *Store) explain(action string, err error) error {
	var sqlite sqlite3.Error
	if !errors.As(err, &sqlite) {
		return fmt.Errorf("%s: %w", action, err)
	}
	switch {
	case sqlite.Code == sqlite3.ErrNotADB || sqlite.Code == sqlite3.ErrCorrupt:
		return fmt.Errorf("%s: job store %s: %w (%w); stop the daemon and put a copy in its place that scu backup made, or move the file, with its -wal and -shm, away to begin a new one: "+
			"adapters stay in their directories, but the list of jobs is lost", action, s.path, ErrDamaged, err)
	case sqlite.Code == sqlite3.ErrFull || sqlite.SystemErrno == syscall.ENOSPC || sqlite.SystemErrno == syscall.EDQUOT:
		return fmt.Errorf("%s: job store %s: %w (%w)", action, s.path, ErrDiskFull, err)
	case slices.Contains(passing, sqlite.Code):
		return fmt.Errorf("%s: job store %s: %w (%w)", action, s.path, ErrUnavailable, err)
	}
	return fmt.Errorf("%s: job store %s: %w", action, s.path, err)
}
