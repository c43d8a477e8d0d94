// Package data turns a file of examples into what a training step eats: token
// ids, the positions that the loss is on, and packed batches of fixed shape.
//
// The path of one row:
//
//	Read       file → Row: text, prompt and completion, instruction, or messages
//	Split      rows → training and validation rows, by document
//	Encoder    Row → Samples: tokens, and which of them are targets
//	Pack       Samples → blocks of at most block_size tokens
//	Assemble   blocks → Batch: tokens, positions, segments, target indices
//
// EpochOrder says in which order an epoch visits its blocks, and Buckets which
// few lengths unpacked batches are padded to.
//
// It is not a data pipeline: rows are held in memory once they are validated,
// nothing is fetched from anywhere, and no file but the given one is read. It
// knows nothing of devices, graphs or jobs, and so it is light enough for the
// daemon to validate a data set before a job is queued.
//
// Conventions. A target is a token whose prediction is part of the loss; the
// first token of a sample never is one, since nothing predicts it. Text rows
// are targets but for their first token. In a prompt and completion, the
// completion and the end-of-sequence token are. In a conversation, each
// assistant turn and its end-of-turn token are. Nothing is dropped in silence:
// a row that cannot be used is an error that names the file and the row, and
// what cutting to the block size costs is counted in a Report.
package data
