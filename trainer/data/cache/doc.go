// Package cache keeps data sets as they are after encoding, so that a job over
// rows that were encoded before begins at once.
//
// An entry is found by a Key, a digest of everything that the samples follow
// from: the caller puts into it the content of the source files (Digest), the
// model's fingerprint and the settings, and so nothing is ever stale: what
// changed has another key, and entries that nobody asks for any more go when room
// is needed, the least recently used first.
//
// It is not a store of truth. Everything in it can be made again, and so its own
// failures are warnings and never errors: a disk that is full, a directory that
// cannot be written, an entry that is damaged. Load then builds the entry as if
// there were no cache.
//
// The directory:
//
//	entries/KEY.samples   one entry: see layout.go; its time of change is when it was last used
//	digests/NAME.json     the digest of one source file, and by what to tell that it is the same still
//	locks/NN              held while an entry is built, so that a second job waits for the first and then loads
//
// Files get their names when they are whole: they are written under another name,
// synced and renamed. Entries are checked against a checksum when they are
// loaded; a damaged one is removed and built anew. A reader holds its file open,
// so that removing the entry does not disturb it.
package cache
