// Package hostmemory stands in for the C library where large pieces of memory are taken, and notices what the system
// refuses. It works by being linked: blocks.c defines malloc and its relations, and these the XLA plugin finds before
// the C library's own. With another C library than glibc, or on another processor than amd64 and arm64, it does nothing.
//
// # Large blocks are kept
//
// XLA's CPU client takes the temporaries of a program as one aligned block, hundreds of megabytes at every step, and frees
// it at its end. The C library maps such a block and unmaps it again, and the next step finds every page missing: a fifth of
// a step went there once the machine's memory was so fragmented that the kernel had to look for huge pages. Told to take
// large blocks from its heap instead, the C library lays an adapter or its gradient into the hole where the
// temporaries were, and then takes twice as much.
//
// So an aligned block of 4 MiB or more is a mapping of its own here, laid out for huge pages, and is kept when it is freed.
// The next request of its size, or of up to an eighth less, takes it as it is: programs ask for the same few sizes over
// and over. Kept blocks never raise what a process holds by more than an eighth above the most that was asked for at
// once; what was freed first goes first. They are given back before anything is refused, and by [Reclaim], for the moment at
// which other sizes begin.
//
// # What outlives its program
//
// A program's temporaries are freed a moment after its results are said to be there, by another thread. On a busy machine
// the next program began before that, and its temporaries came on top. [Await] lets who runs programs wait for that moment.
//
// # What is refused is counted
//
// XLA says so when it does not get its temporaries. Its matrix library, however, maps scratch memory by itself, leaves out
// the work for which it got none without a word, and goes on without in all later programs of the process: a gradient
// was found to be 33 times too long so. [Failures] counts what was refused, be it by malloc or by mmap. From
// the first one on nothing that is computed in this process can be trusted.
package hostmemory
