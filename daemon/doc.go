// Package daemon is the long-lived process that owns the jobs: it answers the methods of package protocol on the Unix
// socket, keeps everything in the job store, and runs one worker process a job. It never loads XLA or a model, so that
// a crash in native code cannot take the job store down.
//
// # Design
//
// [Run] is the whole life. It takes the home's lock, opens the store, tidies up after a daemon that died, and then three
// kinds of goroutine work on the store: calls (one file a group of methods), one dispatcher that takes the next job from
// the queue, and one runner a job that starts its worker and records what it says. The rooms beneath do the parts:
// store (SQLite and the state machine), schedule (which job is next) and supervise (processes).
//
// A run is one worker, but where one dies because memory ran out another takes its place, which goes on from the last
// checkpoint in smaller pieces (out_of_memory.go). Any other death ends the job, and its user may try it again.
//
// What is on disk is the truth. The queue and the table of running jobs in memory only mirror it, and are rebuilt when
// the daemon starts. A call is answered after the commit that it caused.
//
// Events are pulled. After each commit the hub wakes whoever follows the job, and each reads on from its own cursor in
// the store: a follower that is slow, gone for a while, or meets a restarted daemon misses nothing and sees nothing twice.
package daemon
