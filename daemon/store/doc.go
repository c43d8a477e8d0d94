// Package store keeps the daemon's jobs, their events and metrics, the finished adapters, and what every run has used, in one
// SQLite database.
//
// It is the only place that knows SQL, and the only judge of which state may follow which (states.go). It knows nothing
// of processes, sockets or files other than the database: the daemon sees to it that an adapter's directory stands
// before its row is written, and decides when a job is started, tried again or paused.
//
// # Writing
//
// One goroutine writes (write.go) and a small pool reads, in WAL mode, so that a slow reader never holds up a transition. Every
// commit is synced to disk (synchronous=FULL): what a method has returned survives a power cut. A sync takes as long for one
// change as for a hundred, so the writer takes all the changes that wait at a moment, each in a savepoint of its own, and commits them
// together before it answers any of them. The more callers there are, the more of them share a sync. A worker's frames come in
// batches, too. What takes long, such as removing a million rows, is cut into many short writes, between which others get
// their turn.
//
// Every change of a job goes through [Store.change]: it loads the job inside the transaction, lets one function move it and
// add events, and writes the row back.
//
// # Events
//
// Events of a job carry a cursor that counts 1, 2, 3 … and is allotted in the transaction; a metrics row is an event too and is
// stored once, so the events of a job are the union of two tables. Cursors always grow; they have holes only where old metrics
// have been thinned ([Store.Downsample]). The move to a final state is the last event of a job, until it is tried again.
//
// After a commit the store calls its Changed hook with the job's id: that is how subscribers learn that there is
// something to read. They read it with their own cursor, so a slow one costs no memory and loses nothing.
//
// # Runs
//
// Each start of a job opens a usage row, and each way out of the state running closes it. A run that a daemon left open when it
// died is closed by the next one as of the last event that is known. Usage rows outlive their jobs.
//
// What somebody asks for while a job runs, to cancel or to pause it, is stored until the run ends, so that neither a crash of
// the worker nor one of the daemon makes it forgotten.
//
// # Size
//
// Memory does not depend on how much is stored: SQLite's caches are bounded, lists have limits, and opening reads no table whole.
// Only [Store.Living] loads all jobs of a kind, and of each just what the queue needs.
//
// [Check] looks for damage and contradictions, and [BackupFile] makes a copy, both without stopping the daemon.
package store
