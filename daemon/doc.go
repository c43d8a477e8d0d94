// Package daemon is the long-lived process that owns the jobs: it answers the methods of package protocol on the Unix
// socket, keeps everything in the job store, and runs one worker process a job. It never loads XLA or a model, so that
// a crash in native code cannot take the job store down.
//
// # Design
//
// [Run] is the whole life. It takes the home's lock, opens the store, tidies up after a daemon that died, and then four
// kinds of goroutine work on the store: calls (one file a group of methods), one dispatcher that takes from the queue what
// fits the devices, one runner a job that starts its worker and records what it says, and two that look after the house
// (disk.go and housekeeping.go). The rooms beneath do the parts: store (SQLite and the state machine), schedule (which job
// goes where), supervise (processes), config (what the user set) and device (what there is to run on).
//
// What is on disk is the truth. The queue and the table of running jobs in memory only mirror it, and are rebuilt when
// the daemon starts. A call is answered after the commit that it caused.
//
// # A run
//
// A run takes a job from the queue to the next state in which it does not run (run.go). It has one worker, but where one
// dies because memory ran out another takes its place, which goes on from the last checkpoint in smaller pieces
// (out_of_memory.go). Whoever wants a run to stop gives it a [verdict]: what is then to become of the job. The worker's end
// and the verdict together make the transition (settle.go). A worker that crashes is followed by another after a while,
// unless it crashed in the way in which the one before it had (crash.go).
//
// A job runs once at a time: its run stays in the table until its transition is stored, and a job that is queued again
// before that waits for it. Workers hold a lock besides, which outlives the daemon (package supervise).
//
// A worker waits, before a checkpoint becomes visible, until everything it has told is stored. So a run that begins at a
// checkpoint never begins after the last metrics there are, and leaves out those that it takes again.
//
// # When things end
//
// The daemon's end is asked for in one of three ways (protocol.ShutdownParams). Its workers then write a checkpoint, and
// their jobs go back to the queue, where the next daemon finds them. After a daemon that was killed the next one does the
// same with the jobs that are stored as running, whose workers died with their daemon.
//
// When the file system of the home is nearly full, jobs are paused, which takes a checkpoint, while there is room for that;
// they go on when there is space again. Should it be quite full before, so that not even the store can be written, runs
// wait: what they have to say is stored once there is room.
//
// # Events
//
// Events are pulled. After each commit the hub wakes whoever follows the job, and each reads on from its own cursor in
// the store: a follower that is slow, gone for a while, or meets a restarted daemon misses nothing and sees nothing twice.
package daemon
