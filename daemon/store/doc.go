// Package store keeps the daemon's jobs, their events and metrics, and the finished adapters in one SQLite database.
//
// It is the only place that knows SQL, and the only judge of which state may follow which (states.go). It knows nothing
// of processes, sockets or files other than the database: the daemon sees to it that an adapter's directory stands
// before its row is written.
//
// # Strategy
//
// One connection writes and a small pool reads, in WAL mode, so that a slow reader never holds up a transition. Every
// commit is synced to disk (synchronous=FULL): what a method has returned survives a power cut. A worker's frames come
// in batches, one transaction each, which is what makes that affordable.
//
// Every change of a job goes through [Store.change]: it loads the job inside a write transaction, lets one function
// move it and add events, and writes the row back. Events of a job carry a cursor that counts 1, 2, 3 … and is allotted
// in that transaction; a metrics row is an event too and is stored once, so the events of a job are the union of two
// tables. The move to a final state is always the last event of a job.
//
// After a commit the store calls its Changed hook with the job's id: that is how subscribers learn that there is
// something to read. They read it with their own cursor, so a slow one costs no memory and loses nothing.
package store
