// Package engine ties the rooms of trainer together: [Train] runs one fine-tuning job from rows to an adapter on disk,
// [Open] gives a model to score rows or to write text with. It knows nothing of daemons, sockets or SQL; who called it
// follows a job through an [Observer].
//
// # One job
//
// Rows are read, split by document, tokenised and packed; the plan is settled; the base model is put on the device; every
// program of training is compiled; the held-out rows are scored with the base alone. Then each optimizer step runs its
// micro-batches, sums their gradients, divides by the target tokens of the whole step, adds the prior's gradient at the
// current λ, clips, and moves the adapter. The cross-entropy and Σ(w−c)² of the step, both at the weights before the move,
// give S, and the controller sets λ for the next step. Training ends with the last step of the plan, at the time limit, or
// when so many evaluations in a row were no better than the best one; the held-out rows are scored after the last step
// whatever ended it. The last adapter, or the best one, is written.
//
// Sums over tokens are taken in float64 on the host, so that a figure does not depend on how rows were batched.
//
// # Killed and gone on from
//
// Between steps the whole state is written as a checkpoint (see trainer/checkpoint) now and then. A job that finds one goes
// on from it, and on a CPU its figures and its adapter are, bit for bit, those of a run that was never interrupted. So it
// goes on only where everything that the rest follows from is as it was: all settings but a few that say when the run is
// looked at, kept or ended, the base model, the device, the rows as tokenised. What differs is named, with both values.
//
// Before a checkpoint is written the observer keeps what it was told ([Observer.Sync]): of the steps before it nobody will
// tell again. Where there is no room for it, or for the adapter, the job ends with out_of_disk, to go on from the checkpoint
// before when there is. A pause writes one more and ends; without room it ends all the same, and says from where the job goes
// on then ([PausedError]).
//
// One checkpoint more is written at the end of training, before the held-out rows are scored a last time and the adapter is
// saved. A job that goes on from it does these two things and takes no step.
//
// # Out of memory
//
// A step that does not fit the device is taken again with every micro-batch in more parts, at last with gradient
// checkpointing. Its rows, its targets and its dropout stay what they were, so its figures change by rounding only.
//
// A process that the system kills for want of memory cannot answer so, and one that was refused memory, as on the CPU, must
// not: see hostmemory. Who runs it and starts another one tells that by [Job.Before], and the next process begins one
// smaller than the last.
//
// # Nothing half-written, nothing untried
//
// The adapter is written into a directory that begins with ".tmp-", read back, run on a few rows beside the trained one
// and the base, synced, and only then renamed. An adapter that acts otherwise than it was trained is not published.
package engine
