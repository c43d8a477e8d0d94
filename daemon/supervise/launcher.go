package supervise

import (
	"context"
	"net"
	"syscall"
)

// Launcher is the seam to wherever workers run: it starts a process there and gives the one stream to it.
type Launcher interface {
	// Launch starts a worker, which waits for its start order on the stream. The context bounds the launch, not the
	// worker's life.
	Launch(ctx context.Context, order Order) (Process, error)
}

// Order is what a launcher has to know of a job.
type Order struct {
	JobID  string
	Device string // by name, such as cpu or cuda:1
}

// Process is a worker's process, with those that it has started itself, wherever it runs.
type Process interface {
	// Stream carries frames both ways (package frame). Its user closes it. Its end, seen from here, is the worker's.
	Stream() net.Conn
	// Terminate asks the process to end, as SIGTERM does.
	Terminate()
	// Kill ends the process and all that it has started, as SIGKILL does.
	Kill()
	// Wait returns when nothing of the process is left. Terminate and Kill do nothing any more then.
	Wait() Exit
}

// Exit is how a process ended, as far as its launcher can tell.
type Exit struct {
	Code   int            // of one that exited; without meaning where Signal or Err is set
	Signal syscall.Signal // that ended it; 0 where none did
	Err    error          // why its end could not be observed; nil where it was

	KernelKilled bool // the kernel killed a process for want of memory while this one lived
	KernelCounts bool // it is known whether it did

	LastLines  []string // that it printed, the oldest first, after Headline if that came before them
	Headline   string   // the line with which a runtime began to tell of its end; empty if none did
	MemoryLine string   // the last line in which an allocator said that memory ran out; empty if none did
	LogErr     error    // why the log is not complete; nil where it is
}
