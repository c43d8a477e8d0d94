// Package plan decides how a job will be trained before anything is trained: it finds the base model, fills every setting
// that the user left open, refuses those that make no sense, and says what can be known in advance: the number of target
// tokens and steps, the prior's width and the share S at which training will begin, and whether the target of S can be
// reached at all.
//
// It is light: it reads headers and rows but never loads a model or a device, so that the daemon can call it.
package plan
