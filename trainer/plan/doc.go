// Package plan decides how a job will be trained before anything is trained: it finds the base model, fills every setting
// that the user left open, refuses those that make no sense, and says what can be known in advance: the number of target
// tokens and steps, the prior's width and the share S at which training will begin, whether the target of S can be reached
// at all, and how much memory the job takes at its peak.
//
// It is light: it reads headers and rows but never loads a model or a device, so that the daemon can call it. What it has
// read of a model or a data set it remembers while their files stay what they are, since a burst of jobs is often made of
// the same few; see [Planner].
package plan
