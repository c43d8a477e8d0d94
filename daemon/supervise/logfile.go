package supervise

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/shannon-labs/scu/daemon/logfile"
)

const (
	maxLogBytes   = 4 << 20 // of one file; with the one before it, a job's log takes at most twice that
	maxLineBytes  = 64 << 10
	keptLines     = 12
	keptLineBytes = 300
)

// logFile writes what a worker prints to a file that rotates, and keeps the last lines to explain a crash.
type logFile struct {
	out      *logfile.File
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
	out, err := logfile.Open(path, logfile.Options{MaxBytes: maxLogBytes, Keep: 1})
	if err != nil {
		return nil, fmt.Errorf("open the worker's log: %w", err)
	}
	return &logFile{out: out}, nil
}

// copyFrom reads lines until the end. It goes on reading when the file cannot be written, since a worker whose output
// nobody reads would block.
func (l *logFile) copyFrom(from io.Reader) {
	reader := bufio.NewReaderSize(from, maxLineBytes)
	for {
		line, err := reader.ReadSlice('\n') // a longer line comes in pieces
		if len(line) > 0 {
			_, _ = l.out.Write(line) // Close tells
			l.keep(strings.TrimRight(string(line), "\r\n"))
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
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
	if err := l.out.Close(); err != nil {
		return fmt.Errorf("the worker's log: %w", err)
	}
	return nil
}
