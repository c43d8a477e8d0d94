// Package engine ties the rooms of trainer together: [Train] runs one fine-tuning job from rows to an adapter on disk,
// [Open] gives a model to score rows or to write text with. It knows nothing of daemons, sockets or SQL; who called it
// follows a job through an [Observer].
//
// # One job
//
// Rows are read, split by document, tokenised and packed; the plan is settled; the base model is put on the device; the
// held-out rows are scored with the base alone; then each optimizer step runs its micro-batches, sums their gradients,
// divides by the target tokens of the whole step, adds the prior's gradient at the current λ, clips, and moves the
// adapter. The cross-entropy and Σ(w−c)² of the step, both at the weights before the move, give S, and the controller
// sets λ for the next step. At the end the held-out rows are scored again and the adapter is written.
//
// Sums over tokens are taken in float64 on the host, so that a figure does not depend on how rows were batched.
//
// # Nothing half-written
//
// The adapter is written into a directory that begins with ".tmp-", read back and compared, synced, and renamed.
package engine
