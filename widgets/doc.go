// Package widgets is the place of what a notebook cell imports: launching a job, its live dashboard, the comparison of
// runs, and the static picture that a saved notebook keeps, with the browser module that draws them.
//
// It speaks to the daemon as any client does, through rpc, and holds no history of its own: whoever reopens a notebook
// attaches to the job again by its id. It opens no sockets of Jupyter, which is the kernel's work. This document is all
// that it holds so far.
package widgets
