package hostmemory

// #cgo linux LDFLAGS: -ldl
// #include "blocks.h"
import "C"

// Reclaim gives the system what is kept: the blocks that wait to be used again, and what the C library holds of smaller
// pieces. Compiling a training step frees some hundreds of megabytes in small pieces, into which nothing large is put:
// they would only add to what the steps take.
func Reclaim() { C.scu_reclaim() }

// Failures is how many allocations the system has refused to this process since it began.
func Failures() uint64 { return uint64(C.scu_failures()) }
