// Package data turns a data set into what a training step eats: token ids, the
// positions that the loss is on, and packed batches of fixed shape.
//
// The path of one row:
//
//	Open       path or address → files, which package source finds or fetches
//	Rows       files → Row: text, prompt and completion, instruction, or messages
//	Split      rows → training and validation rows, by document
//	Encoder    Row → Samples: tokens, and which of them are targets
//	Pack       Samples → blocks of at most block_size tokens
//	Feed       blocks → micro-batches of a few shapes, whole or in parts
//	Assemble   a micro-batch → Batch: tokens, positions, segments, target indices
//
// EpochOrder says in which order an epoch visits its blocks, and Buckets which
// few lengths unpacked batches are padded to. What was encoded once is kept by
// package cache.
//
// Reading. Each file format gives columns: named values of one row. What a row is
// made of is then found by the names of its fields, or by those that the caller
// names, the same for all formats; where two readings are possible, that is an
// error. Files are read row by row, and a Parquet file a few rows at a time. A row
// of text has a greatest length, and what a Parquet file says of its own lengths
// is checked first, so that a damaged file ends in an error and not in exhausted
// memory. Parquet compressed with LZ4 is refused, since the library does not
// decode it reliably.
//
// It is not a data pipeline: rows are not transformed, filtered or mixed, and the
// caller holds those that it wants. Package source aside, it touches no network
// and writes no file. It knows nothing of devices, graphs or jobs, and so it is
// light enough for the daemon to validate a data set before a job is queued.
//
// Conventions. A target is a token whose prediction is part of the loss; the
// first token of a sample never is one, since nothing predicts it. Text rows
// are targets but for their first token. In a prompt and completion, the
// completion and the end-of-sequence token are. In a conversation, each
// assistant turn and its end-of-turn token are; one that ends with an assistant's
// turn for which the template writes no special token gets the end-of-sequence
// token, or the model would never learn to stop. Nothing is dropped in silence:
// a row that cannot be used is an error that names the file and the row, and
// what cutting to the block size costs is counted in a Report.
package data
