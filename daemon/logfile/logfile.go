// Package logfile is a log on disk that takes a bounded amount of it: a file that, when it is full, becomes <file>.1,
// while the one that was <file>.1 becomes <file>.2, and so on, until the oldest is dropped. The end of a long log is thus always there.
//
// It is only the file. It adds no time and no level, does not compress, and does not know who writes; a logger such as
// slog's is put on top of it. Whoever else appends to the same path must be told of each new file, with [Options.Opened].
//
// # Strategy
//
// One Write is one record and is never split between two files. A record that cannot be written is lost and its writer
// told; the next one is tried again, because a full file system may have space later, and a daemon whose log is dead for
// good would say nothing when it matters. The first failure is kept for [File.Close].
//
// It is our own because the usual library for this, lumberjack, starts a goroutine for each file that never ends.
package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

// Options bound a log. MaxBytes must be positive.
type Options struct {
	MaxBytes int64 // of one file; a single record that is larger has a file of its own
	Keep     int   // old files, beside the one that is written

	// Opened, when set, is called with every file that is opened for writing, before anything is written to it. It lets
	// others that write to the same path follow, such as a process's standard error. Its error fails the write.
	Opened func(*os.File) error
}

// File is a log that is open for appending. Its methods may be called by several goroutines at once.
type File struct {
	path    string
	options Options

	mu     sync.Mutex
	file   *os.File // nil after a failed rotation; the next write opens it again
	size   int64
	torn   bool  // the last record was cut off, so the next begins on a new line
	first  error // the first failure
	closed bool
}

// Open opens the log at path, with mode 0600 when it is new, and goes on at its end. The directory must be there.
func Open(path string, o Options) (*File, error) {
	if o.MaxBytes <= 0 || o.Keep < 0 {
		panic(fmt.Sprintf("logfile: a log of %d bytes with %d old files", o.MaxBytes, o.Keep))
	}
	f := &File{path: path, options: o}
	if err := f.open(); err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return f, nil
}

// Write appends one record. The error is of this record only; see [File.Close] for the first of all.
func (f *File) Write(record []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	written, err := f.write(record)
	if err != nil {
		err = fmt.Errorf("write the log %s: %w", f.path, err)
		if f.first == nil {
			f.first = err
		}
	}
	return written, err
}

// Close closes the file and returns the first failure since it was opened.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if err := f.closeFile(); err != nil && f.first == nil {
		f.first = fmt.Errorf("close the log: %w", err)
	}
	return f.first
}

func (f *File) write(record []byte) (int, error) {
	if f.closed {
		return 0, os.ErrClosed
	}
	if err := f.makeRoom(int64(len(record))); err != nil {
		return 0, err
	}
	if f.torn {
		if _, err := f.file.Write([]byte("\n")); err != nil {
			return 0, err
		}
		f.torn = false
		f.size++
	}
	written, err := f.file.Write(record)
	f.size += int64(written)
	f.torn = err != nil && written > 0
	return written, err
}

// makeRoom leaves a file open that takes so many bytes more.
func (f *File) makeRoom(bytes int64) error {
	if f.file == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	if f.size == 0 || f.size+bytes <= f.options.MaxBytes {
		return nil
	}
	return f.rotate()
}

// rotate may fail between any two steps; what is done then is done, and the next write goes on with the rest.
func (f *File) rotate() error {
	if err := f.closeFile(); err != nil {
		return err
	}
	if f.options.Keep == 0 {
		if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return f.open()
	}
	for n := f.options.Keep - 1; n >= 0; n-- {
		err := os.Rename(f.name(n), f.name(n+1))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return f.open()
}

// name is the path of the n-th old file; that of the file itself for 0.
func (f *File) name(n int) string {
	if n == 0 {
		return f.path
	}
	return fmt.Sprintf("%s.%d", f.path, n)
}

func (f *File) open() error {
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && f.options.Opened != nil {
		err = f.options.Opened(file)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.file, f.size, f.torn = file, info.Size(), false
	return nil
}

func (f *File) closeFile() error {
	if f.file == nil {
		return nil
	}
	file := f.file
	f.file = nil
	return file.Close()
}
