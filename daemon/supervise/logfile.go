package supervise

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

const (
	maxLogBytes   = 4 << 20 // of one file; with the one before it, a job's log takes at most twice that
	maxLineBytes  = 64 << 10
	keptLines     = 12
	keptLineBytes = 300
)

// logFile writes what a worker prints to a file, and keeps the last lines to explain a crash. When the file is full it
// becomes <file>.1, in place of the one before, so that the end of a long log is always there.
type logFile struct {
	path     string
	file     *os.File
	size     int64
	limit    int64
	err      error    // the first failure to write; the rest is then only kept in mind
	headline string   // the first line of a Go panic, of a fatal signal or of their reason, whose stack would push it out of tail
	tail     []string // the last lines, at most keptLines

	memoryLine string // the last line in which an allocator said that memory ran out
}

// headlines are how the Go runtime begins to tell of its end, and reasons how C++ says before that why it comes.
var (
	headlines = []string{"panic: ", "fatal error: ", "SIGABRT: ", "SIGSEGV: ", "SIGBUS: ", "SIGILL: ", "SIGFPE: "}
	reasons   = []string{"Check failed: ", "LLVM ERROR: "}
)

// allocatorWords are how libraries say that they die, or may die, because an allocation failed.
var allocatorWords = []string{
	"LLVM ERROR: out of memory",
	"std::bad_alloc", // what a C++ program says of the exception that nobody caught
	"scu: out of memory: an allocation of ",
	"cannot allocate memory for thread-local data",
	"pthread_create() failed", // XLA's; a thread's stack is memory too
	"pthread_create failed: Resource temporarily unavailable",
	"failed to create new OS thread",
	"fatal error: out of memory", // from here on Go's own
	"fatal error: runtime: out of memory",
	"fatal error: runtime: cannot allocate memory",
}

func openLog(path string) (*logFile, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the worker's log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the worker's log: %w", err), file.Close())
	}
	return &logFile{path: path, file: file, size: info.Size(), limit: maxLogBytes}, nil
}

// copyFrom reads lines until the end. It goes on reading when the file cannot be written, since a worker whose output
// nobody reads would block.
func (l *logFile) copyFrom(from io.Reader) {
	reader := bufio.NewReaderSize(from, maxLineBytes)
	for {
		line, err := reader.ReadSlice('\n') // a longer line comes in pieces
		if len(line) > 0 {
			l.write(line)
			l.keep(strings.TrimRight(string(line), "\r\n"))
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}

func (l *logFile) write(line []byte) {
	if l.err == nil && l.size > 0 && l.size+int64(len(line)) > l.limit {
		l.err = l.rotate()
	}
	if l.err != nil {
		return
	}
	n, err := l.file.Write(line)
	l.size += int64(n)
	l.err = err
}

func (l *logFile) rotate() error {
	if err := l.file.Close(); err != nil {
		return err
	}
	if err := os.Rename(l.path, l.path+".1"); err != nil {
		return err
	}
	file, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	l.file, l.size = file, 0
	return nil
}

func (l *logFile) keep(line string) {
	if len(line) > keptLineBytes {
		line = line[:keptLineBytes] + "…"
	}
	line = strings.ToValidUTF8(line, "\uFFFD")
	begins := func(start string) bool { return strings.HasPrefix(line, start) }
	contains := func(words string) bool { return strings.Contains(line, words) }
	if l.headline == "" && (slices.ContainsFunc(headlines, begins) || slices.ContainsFunc(reasons, contains)) {
		l.headline = line
	}
	if slices.ContainsFunc(allocatorWords, contains) {
		l.memoryLine = line
	}
	if len(l.tail) == keptLines {
		l.tail = l.tail[1:]
	}
	l.tail = append(l.tail, line)
}

// lastLines returns the kept lines, the oldest first, after the headline if that is not among them.
func (l *logFile) lastLines() []string {
	for _, line := range l.tail {
		if line == l.headline {
			return l.tail
		}
	}
	if l.headline == "" {
		return l.tail
	}
	return append([]string{l.headline, "…"}, l.tail...)
}

// Close closes the file and returns the first error of writing it.
func (l *logFile) Close() error {
	err := l.file.Close()
	if errors.Is(err, os.ErrClosed) { // rotating has closed it and failed, which is in l.err
		err = nil
	}
	if err := errors.Join(l.err, err); err != nil {
		return fmt.Errorf("write the worker's log %s: %w", l.path, err)
	}
	return nil
}
