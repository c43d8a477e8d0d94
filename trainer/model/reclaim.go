package model

/*
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static void reclaim(void) {
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
*/
import "C"

// reclaim gives the system back what the C library keeps of freed memory. Compiling a training step frees some hundreds
// of megabytes in small pieces, which nothing large is put into: they would only add to what the steps take.
func reclaim() { C.reclaim() }
