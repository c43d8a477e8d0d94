#include <stddef.h>
#include <stdint.h>
#include <stdlib.h> // which says whose C library this is

// Elsewhere SYS_mmap may take its arguments otherwise.
#if defined(__GLIBC__) && defined(__LP64__) && (defined(__x86_64__) || defined(__aarch64__))
#define SCU_GLIBC
#endif

void scu_reclaim(void);
uint64_t scu_failures(void);
uint64_t scu_used(void);
void scu_await(uint64_t most, uint64_t milliseconds);
