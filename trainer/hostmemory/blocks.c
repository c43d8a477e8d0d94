// What this is for is in doc.go.

#define _GNU_SOURCE
#include "blocks.h"

#ifdef SCU_GLIBC

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// The C library's own functions, under the names by which it lets a replacement call them.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

enum {
	page = 64 << 10, // the largest of the pages that kernels have: a block ends where a page does
	huge_page = 2 << 20,
	smallest = 4 << 20, // what is smaller is left to the C library
	most_blocks = 1024, // further ones are left to it as well
};

static const size_t largest = (size_t)1 << 46; // beyond it there is no memory, and sizes could wrap around

// block is one mapping: in use, or kept for the next that asks for its size.
struct block {
	char *start;  // aligned to a huge page; NULL where the entry is free
	size_t size;  // in whole pages
	size_t asked; // of it, where it is used
	bool used;
	uint64_t freed; // when, for a block that is kept: a count of frees
};

static struct {
	pthread_mutex_t lock;
	struct block blocks[most_blocks];
	int count; // entries beyond it are free
	size_t used, kept;  // bytes of blocks
	size_t asked, peak; // bytes that were asked for, now and the most at once
	uint64_t frees;
	pthread_cond_t freed; // a block was
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .freed = PTHREAD_COND_INITIALIZER};

static uint64_t failures;

// failed counts an allocation that the system refused, and says so once.
static void failed(size_t size) {
	if (__atomic_fetch_add(&failures, 1, __ATOMIC_SEQ_CST) > 0)
		return;
	int cause = errno;
	char line[96];
	int length = snprintf(line, sizeof line, "scu: out of memory: an allocation of %zu bytes failed\n", size);
	ssize_t written = write(STDERR_FILENO, line, length); // if it is not written there is nowhere to say so
	(void)written;
	errno = cause;
}

// checked counts what was refused.
static void *checked(void *p, size_t size) {
	if (p == NULL && size > 0)
		failed(size);
	return p;
}

// unmap gives a kept block back and frees its entry. The lock is held.
static void unmap(struct block *b) {
	munmap(b->start, b->size);
	state.kept -= b->size;
	b->start = NULL;
}

// oldest_kept is the kept block that was freed first, NULL where none is kept. The lock is held.
static struct block *oldest_kept(void) {
	struct block *oldest = NULL;
	for (int i = 0; i < state.count; i++) {
		struct block *b = &state.blocks[i];
		if (b->start != NULL && !b->used && (oldest == NULL || b->freed < oldest->freed))
			oldest = b;
	}
	return oldest;
}

// unmap_kept gives back all kept blocks, and reports whether there were any: what is kept must not be why something is
// refused. The lock is held.
static bool unmap_kept(void) {
	bool any = state.kept > 0;
	while (state.kept > 0)
		unmap(oldest_kept());
	return any;
}

// make_room gives back kept blocks, those first that were freed first, until size more bytes take no more than an eighth
// above what was asked for at once before. The lock is held.
static void make_room(size_t size) {
	size_t needed = state.used + size;
	size_t limit = state.peak + state.peak / 8;
	if (limit < needed)
		limit = needed;
	while (state.kept > 0 && needed + state.kept > limit)
		unmap(oldest_kept());
}

// kept_block is the smallest kept block that holds size and wastes no more than an eighth of it. The lock is held.
static struct block *kept_block(size_t size) {
	struct block *best = NULL;
	for (int i = 0; i < state.count; i++) {
		struct block *b = &state.blocks[i];
		if (b->start != NULL && !b->used && b->size >= size && b->size <= size + size / 8 && (best == NULL || b->size < best->size))
			best = b;
	}
	return best;
}

static struct block *free_entry(void) {
	for (int i = 0; i < state.count; i++)
		if (state.blocks[i].start == NULL)
			return &state.blocks[i];
	if (state.count < most_blocks)
		return &state.blocks[state.count++];
	struct block *oldest = oldest_kept();
	if (oldest != NULL)
		unmap(oldest);
	return oldest;
}

// map_aligned maps size bytes from a boundary of huge pages, and asks for huge pages.
static char *map_aligned(size_t size) {
	char *all = (char *)syscall(SYS_mmap, NULL, size + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED)
		return NULL;
	char *start = (char *)(((uintptr_t)all + huge_page - 1) & ~(uintptr_t)(huge_page - 1));
	if (start > all)
		munmap(all, start - all);
	if (start < all + huge_page)
		munmap(start + size, all + huge_page - start);
	madvise(start, size, MADV_HUGEPAGE); // where it is not to be had, small pages do
	return start;
}

// take returns a block, or NULL where the C library is to be asked.
static void *take(size_t asked) {
	size_t size = (asked + page - 1) & ~(size_t)(page - 1);
	pthread_mutex_lock(&state.lock);
	struct block *b = kept_block(size);
	if (b != NULL) {
		state.kept -= b->size;
	} else {
		make_room(size);
		b = free_entry();
		char *start = b == NULL ? NULL : map_aligned(size);
		if (start == NULL && b != NULL && unmap_kept())
			start = map_aligned(size);
		if (start == NULL) {
			pthread_mutex_unlock(&state.lock);
			return NULL;
		}
		b->start = start;
		b->size = size;
	}
	b->used = true;
	b->asked = asked;
	state.used += b->size;
	state.asked += asked;
	if (state.peak < state.asked)
		state.peak = state.asked;
	void *start = b->start;
	pthread_mutex_unlock(&state.lock);
	return start;
}

// find is the block that starts at p. The lock is held.
static struct block *find(void *p) {
	for (int i = 0; i < state.count; i++)
		if (state.blocks[i].start == p && state.blocks[i].used)
			return &state.blocks[i];
	return NULL;
}

static bool may_be_block(void *p) { return p != NULL && ((uintptr_t)p & (huge_page - 1)) == 0; }

// give_back keeps the block that starts at p, if there is one.
static bool give_back(void *p) {
	pthread_mutex_lock(&state.lock);
	struct block *b = find(p);
	if (b != NULL) {
		b->used = false;
		b->freed = ++state.frees;
		state.used -= b->size;
		state.asked -= b->asked;
		state.kept += b->size;
		pthread_cond_broadcast(&state.freed);
	}
	pthread_mutex_unlock(&state.lock);
	return b != NULL;
}

// size_of is the size of the block that starts at p, 0 if there is none.
static size_t size_of(void *p) {
	if (!may_be_block(p))
		return 0;
	pthread_mutex_lock(&state.lock);
	struct block *b = find(p);
	size_t size = b == NULL ? 0 : b->size;
	pthread_mutex_unlock(&state.lock);
	return size;
}

static bool give_kept(void) {
	pthread_mutex_lock(&state.lock);
	bool any = unmap_kept();
	pthread_mutex_unlock(&state.lock);
	return any;
}

// ask_twice takes what is asked for. Where it is refused it gives back what is kept and asks again.
#define ask_twice(p, asking)                    \
	do {                                        \
		(p) = (asking);                         \
		if ((p) == NULL && give_kept())         \
			(p) = (asking);                     \
	} while (0)

// aligned is a block where it may be one. The others are the C library's, also where no block could be mapped: it may
// have a place in its heap.
static void *aligned(size_t alignment, size_t size) {
	if (size >= smallest && size <= largest && alignment <= huge_page) {
		void *p = take(size);
		if (p != NULL)
			return p;
	}
	void *p;
	ask_twice(p, __libc_memalign(alignment, size));
	return checked(p, size);
}

// A child has only the thread that forked: the lock must not be another's at that moment.
static void lock_state(void) { pthread_mutex_lock(&state.lock); }
static void unlock_state(void) { pthread_mutex_unlock(&state.lock); }
__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(lock_state, unlock_state, unlock_state); }

// What follows stands in for the C library's functions in the whole process.

void *malloc(size_t size) {
	void *p;
	ask_twice(p, __libc_malloc(size));
	return checked(p, size);
}

void *calloc(size_t count, size_t size) {
	void *p;
	ask_twice(p, __libc_calloc(count, size));
	size_t bytes;
	return checked(p, __builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes);
}

void *memalign(size_t alignment, size_t size) { return aligned(alignment, size); }

void *aligned_alloc(size_t alignment, size_t size) { return aligned(alignment, size); }

int posix_memalign(void **p, size_t alignment, size_t size) {
	if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
		return EINVAL;
	int before = errno; // which this function must not change
	void *made = aligned(alignment, size);
	errno = before;
	if (made == NULL && size > 0)
		return ENOMEM;
	*p = made;
	return 0;
}

void free(void *p) {
	if (!may_be_block(p) || !give_back(p))
		__libc_free(p);
}

void *realloc(void *p, size_t size) {
	size_t had = size_of(p);
	void *moved;
	if (had == 0 && size > 0) {
		ask_twice(moved, __libc_realloc(p, size));
		return checked(moved, size);
	}
	if (had == 0)
		return __libc_realloc(p, size); // which frees p
	moved = malloc(size);
	if (moved == NULL)
		return NULL;
	memcpy(moved, p, had < size ? had : size);
	give_back(p);
	return moved;
}

// The C library would look for its own notes in front of a block, where nothing is mapped.
size_t malloc_usable_size(void *p) {
	size_t size = size_of(p);
	if (size > 0)
		return size;
	static size_t (*own)(void *);
	if (own == NULL)
		own = (size_t (*)(void *))dlsym(RTLD_NEXT, "malloc_usable_size");
	return own == NULL ? 0 : own(p);
}

// XLA's matrix library maps its scratch memory itself, and leaves out the work for which it got none.
void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
	void *p = (void *)syscall(SYS_mmap, address, size, (long)protection, (long)flags, (long)file, offset);
	if (p == MAP_FAILED && errno == ENOMEM && give_kept())
		p = (void *)syscall(SYS_mmap, address, size, (long)protection, (long)flags, (long)file, offset);
	if (p == MAP_FAILED && errno == ENOMEM)
		failed(size);
	return p;
}

void *mmap64(void *address, size_t size, int protection, int flags, int file, off_t offset) {
	return mmap(address, size, protection, flags, file, offset);
}

void scu_reclaim(void) {
	pthread_mutex_lock(&state.lock);
	unmap_kept();
	state.peak = state.asked;
	pthread_mutex_unlock(&state.lock);
	malloc_trim(0);
}

uint64_t scu_failures(void) { return __atomic_load_n(&failures, __ATOMIC_SEQ_CST); }

uint64_t scu_used(void) {
	pthread_mutex_lock(&state.lock);
	uint64_t used = state.used;
	pthread_mutex_unlock(&state.lock);
	return used;
}

void scu_await(uint64_t most, uint64_t milliseconds) {
	struct timespec end;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += milliseconds / 1000;
	end.tv_nsec += milliseconds % 1000 * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&state.lock);
	while (state.used > most && pthread_cond_timedwait(&state.freed, &state.lock, &end) == 0) {
	}
	pthread_mutex_unlock(&state.lock);
}

#else

void scu_reclaim(void) {}

uint64_t scu_failures(void) { return 0; }

uint64_t scu_used(void) { return 0; }

void scu_await(uint64_t most, uint64_t milliseconds) {}

#endif
