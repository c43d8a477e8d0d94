// Package checkpoint keeps the state of a training run on disk, so that a run that was killed goes on where it was. It
// does not train, decide when to write or know what a device is: it takes numbers and gives them back, bit for bit.
//
// # On disk
//
// A job's directory holds one directory a checkpoint, step-00000120 for the state after 120 optimizer steps:
//
//	vectors.safetensors   the adapter, its two moments, the prior's centre unless it is zero, and the best adapter so far
//	state.json            everything else: see [State]
//	manifest.json         size and SHA-256 of the other two
//
// Nothing random needs saving: the order of an epoch follows from its number and the data seed, and dropout from its seed,
// the step and the micro-batch.
//
// The best adapter lies in every checkpoint, not in one of its own: so each can be gone on from alone, and no cleaning
// can take away what a later resume would ask for.
//
// # Whole or not at all
//
// A checkpoint is written under a name that begins with ".tmp-", each file synced, and renamed; then the directory is
// synced, and only then is an older one removed. What a killed process left half-written is removed by [Open]. Where the
// file system has no room, which is asked before, nothing is left of the new one and the older ones stay.
//
// # Trusted only when it agrees
//
// [Directory.Newest] reads a checkpoint whole and holds it against its manifest. One that does not agree is set aside
// under a name that begins with "damaged-", is told of, and the one before it is taken. [List] and [Latest] look at names
// and sizes only, and are for those who only want to know how far a job has come.
package checkpoint
