// What is kept of the watched files; see image.c.

#ifndef IMAGE_H
#define IMAGE_H

#define _GNU_SOURCE
#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

// Kinds of operation in a pending file; pending.go knows the same numbers.
enum { OP_WRITE = 1, OP_TRUNCATE = 2, OP_CREATE = 3, OP_UNLINK = 4 };

// operation stands in a pending file, before the data if it is a write. length is that of the data, or for OP_TRUNCATE
// the new size of the file.
struct operation {
    uint64_t kind, offset, length;
};

// watched is one file of the database: what of it is durable lies in image, what was done since in pending.
struct watched {
    char path[PATH_MAX], image[PATH_MAX], pending[PATH_MAX];
    int pending_fd; // -1 until the file is first seen
};

// The system's own calls, behind those that calls.c puts before them.
struct system_calls {
    int (*open)(const char *, int, ...);
    int (*openat)(int, const char *, int, ...);
    int (*close)(int);
    ssize_t (*write)(int, const void *, size_t);
    ssize_t (*pwrite)(int, const void *, size_t, off_t);
    int (*ftruncate)(int, off_t);
    int (*fsync)(int);
    int (*fdatasync)(int);
    int (*unlink)(const char *);
    int (*unlinkat)(int, const char *, int);
    int (*rename)(const char *, const char *);
    void *(*mmap)(void *, size_t, int, int, int, off_t);
    int (*fallocate)(int, int, off_t, off_t);
    int (*posix_fallocate)(int, off_t, off_t);
};

extern struct system_calls real;

// None of these returns after an error: a result that rests on a guess would be worse than none. The caller holds the lock.
void image_init(struct watched *f, const char *state, const char *database, const char *suffix);
void image_see(struct watched *f, int exists);
void image_note(struct watched *f, uint64_t kind, uint64_t offset, uint64_t length, const void *data);
void image_settle(struct watched *f, int all);

_Noreturn void fail(const char *what, const char *path);
_Noreturn void unmodelled(const char *call, const char *path);
void join(char to[PATH_MAX], const char *a, const char *b, const char *c);

#endif
