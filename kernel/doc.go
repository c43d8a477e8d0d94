// Package kernel is the place of the Jupyter kernel: a process that owns the five Jupyter sockets, relays Go cells to a
// GoNB child, and serves widget comms and %scu magics itself, so that a training dashboard goes on after its cell has
// ended, after the page is reloaded and while another cell runs.
//
// It speaks to the daemon as any client does, through rpc; it neither trains nor stores jobs. This document is all that
// it holds so far.
package kernel
