package hostmemory

// #cgo linux LDFLAGS: -ldl
// #include "blocks.h"
import "C"

import "time"

// Page is what the sizes of large blocks are multiples of, in bytes.
const Page = 64 << 10

// Reclaim gives the system what is kept: the blocks that wait to be used again, and what the C library holds of smaller
// pieces. Compiling a training step frees some hundreds of megabytes in small pieces, into which nothing large is put:
// they would only add to what the steps take.
func Reclaim() { C.scu_reclaim() }

// Failures is how many allocations the system has refused to this process since it began.
func Failures() uint64 { return uint64(C.scu_failures()) }

// Used is how many bytes the large blocks have that are in use.
func Used() uint64 { return uint64(C.scu_used()) }

// Await returns once large blocks of no more than so many bytes are in use, or when patience ends.
func Await(most uint64, patience time.Duration) {
	C.scu_await(C.uint64_t(most), C.uint64_t(patience.Milliseconds()))
}
