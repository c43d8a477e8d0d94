// Package progress shows how training jobs go: it turns the events of a job into what is true now ([State]) and draws
// that, either as one live bar a job on a terminal ([Bars]) or as plain lines anywhere else ([Lines]). It also writes
// numbers the way all verbs do.
//
// It talks to nobody: whoever follows a job hands it the snapshot and then every event.
package progress
