#include <stddef.h>
#include <stdint.h>
#include <stdlib.h> // which says whose C library this is

#if defined(__GLIBC__) && defined(__LP64__)
#define SCU_GLIBC
#endif

void scu_reclaim(void);
uint64_t scu_failures(void);
