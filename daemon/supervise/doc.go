// Package supervise starts worker processes, watches them, stops them, and tells how they ended. It knows nothing of
// jobs in a database, of queues or of sockets: its user hands it an order and reads frames until there are no more.
//
// # Strategy
//
// There are two halves. A [Launcher] starts a process somewhere and gives a [Process]: one stream, two signals, and how
// it ended. [Worker] is everything else, and is the same wherever the process runs: it sends orders and passes events on,
// finds by its silence a worker that hangs, since a worker sends a heartbeat when it has nothing else to say, makes it end
// by growing force, and judges its end. The launcher here, [Local], starts a child process in its own process group; it
// finds the stream, a socket, at descriptor 3 (package frame), and what it prints goes to a log.
//
// To end a worker it is asked with a frame, then gets SIGTERM, then SIGKILL, each after a time of grace. It is asked either
// to pause, for which it writes a checkpoint, or to stop for good, which overrides a pause (stop.go). A worker that was to
// pause and was stopped by force counts as paused: another one goes on from the checkpoint before. A worker that gets SIGTERM
// from somebody else pauses too, by itself: a system that shuts down sends it to all processes at once.
//
// # How workers end
//
// [Outcome] says which of the ways it was. What the worker said last counts most. Without a last word its exit is
// explained, and gets a signature by which its user tells whether two workers crashed in the same way (signature.go).
//
// # At most one runner
//
// A worker must never outlive its daemon unseen, since it would hold a device that nobody knows about, and write where the
// job's next worker writes. Three things see to it. The kernel sends SIGKILL when the thread that started the child dies, so that
// thread is locked to a goroutine which lives as long as the child. The end of its stream tells the worker to stop. And the proof:
// Local takes the lock of the job and lets the worker inherit it open, with flock, so that the kernel holds it exactly as long as
// anything lives that the worker has started (lock.go). Who wants the lock next, be it for another worker or in
// [ReapOrphans], kills those who hold it and waits until it is free.
//
// Those are found in /proc: who has the lock's file open, and who is in the group of the process whose number stands in it.
// A number can be used again. So a group counts only where that process has started when the lock says, and each process is
// killed by a descriptor that was opened for it before it was looked at.
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
