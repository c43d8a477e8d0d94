// Package supervise starts worker processes, watches them, stops them, and tells how they ended. It knows nothing of
// jobs in a database, of queues or of sockets: its user hands it an order and reads frames until there are no more.
//
// # Strategy
//
// [Launcher] is the seam: everything the daemon needs of a worker is one stream of frames each way and [Worker]. The
// launcher here, [Local], starts a child process in its own process group, with a pipe for orders at descriptor 3 and
// one for events at descriptor 4 (package frame).
//
// A worker must never outlive its daemon, since it would hold a device that nobody knows about. Two things see to it.
// The kernel sends SIGKILL when the thread that started the child dies, so that thread is locked to a goroutine which
// lives as long as the child. And the end of the orders tells the worker to stop.
//
// A worker that hangs is found by its silence: it sends a heartbeat when it has nothing else to say. To stop one, it is
// asked with a Cancel frame, then gets SIGTERM, then SIGKILL, each after a time of grace; the signals go to its whole
// process group, and never after it has been reaped, when its number may be another's.
//
// # Memory
//
// The system promises more memory than it has, so a worker that needs too much is seldom refused an allocation: the
// kernel kills it, of the machine's memory or of its control group's. That death must be told from others, because the
// job can go on in smaller pieces ([OutOfMemory]). Two things tell it. A SIGKILL that was not ours, where the kernel's
// count of such kills rose during the worker's life: the count of the worker's own control group, of version 2 or 1, or
// that of the machine where there is no other. And a crash after an allocator has said that it failed, be it the C
// library's, C++'s, LLVM's or Go's: the Go runtime catches a library's abort, so the exit status says nothing of it. A
// count of the whole machine may have risen for another process; a worker that somebody killed at the same time then
// goes on in smaller pieces than it needs, which costs little. What a program such as earlyoom kills looks like any kill.
//
// So that the kernel takes the worker, and neither the daemon nor the rest of what its user runs, the worker's score is
// raised (memory_kills.go). That weighs as much as four fifths of the memory there is: only a program that holds still more is
// taken before it.
package supervise
