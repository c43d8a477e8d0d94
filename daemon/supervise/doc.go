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
package supervise
