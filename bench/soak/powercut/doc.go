// Package powercut takes the power from a process that keeps an SQLite database, without a machine to switch off: what the
// process had written and not synced is lost, in whole or in part, and what it had synced stays.
//
// It is for tests of what an acknowledged commit is worth. Killing a process shows nothing of that, since the system keeps
// what a dead process has written.
//
// # How
//
// A small C library, loaded before the C library through LD_PRELOAD, stands between SQLite and the system. Of the
// database's files it keeps, in a directory of its own, the durable image, which only a sync moves on, and a log of what
// was done since. Both outlive the process. [Machine.Cut] is called when every process of the database is dead: it puts in
// the place of each file its image, and of the log nothing, all, or a random part: writes torn into sectors of 512 bytes
// and out of order, as a disk's cache may have left them. The index of the log in shared memory (-shm) is gone.
//
// That names become durable with a file's sync, and in the order in which they were made, is what ext4 and XFS do. What the
// library does not model, such as a shared mapping or a rename, ends the process.
//
// # What it does not reach
//
// Go's own file operations are system calls that no library sees, so only what SQLite does is covered. A program that is
// linked statically cannot be watched; [Machine.Watched] tells.
package powercut
