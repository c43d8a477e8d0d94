// Stands between SQLite and the system (LD_PRELOAD), and tells image.c what becomes of the files of one database.
//
// POWERCUT_STATE names the directory of what is kept, POWERCUT_DATABASE the database; its "-wal" and "-journal" are
// watched too. With POWERCUT_IGNORE_SYNC a sync reports success and makes nothing durable, as a disk that lies would.

#include "image.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_DESCRIPTORS = 1 << 16, DIRECTORY = -1 };

struct system_calls real;

static struct watched files[3];
static int file_count;
static char directory[PATH_MAX]; // of the database
static int ignore_sync;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

// What a descriptor is: 0 nothing of ours, 1 + i files[i], or DIRECTORY.
static signed char descriptors[MAX_DESCRIPTORS];

__attribute__((constructor)) static void begin(void) {
    real.open = dlsym(RTLD_NEXT, "open");
    real.openat = dlsym(RTLD_NEXT, "openat");
    real.close = dlsym(RTLD_NEXT, "close");
    real.write = dlsym(RTLD_NEXT, "write");
    real.pwrite = dlsym(RTLD_NEXT, "pwrite");
    real.ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    real.fsync = dlsym(RTLD_NEXT, "fsync");
    real.fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real.unlink = dlsym(RTLD_NEXT, "unlink");
    real.unlinkat = dlsym(RTLD_NEXT, "unlinkat");
    real.rename = dlsym(RTLD_NEXT, "rename");
    real.mmap = dlsym(RTLD_NEXT, "mmap");
    real.fallocate = dlsym(RTLD_NEXT, "fallocate");
    real.posix_fallocate = dlsym(RTLD_NEXT, "posix_fallocate");
    const char *state = getenv("POWERCUT_STATE"), *database = getenv("POWERCUT_DATABASE");
    if (!state || !database) return;
    if (state[0] != '/' || database[0] != '/') {
        errno = EINVAL;
        fail("POWERCUT_STATE and POWERCUT_DATABASE must be absolute:", database);
    }
    ignore_sync = getenv("POWERCUT_IGNORE_SYNC") != NULL;
    join(directory, database, "", "");
    *strrchr(directory, '/') = 0;
    const char *suffixes[] = {"", "-wal", "-journal"};
    for (; file_count < 3; file_count++) image_init(&files[file_count], state, database, suffixes[file_count]);
}

static struct watched *file_at(const char *path) {
    for (int i = 0; path && i < file_count; i++)
        if (strcmp(path, files[i].path) == 0) return &files[i];
    return NULL;
}

static struct watched *file_of(int fd) {
    if (fd < 0 || fd >= MAX_DESCRIPTORS || descriptors[fd] <= 0) return NULL;
    return &files[descriptors[fd] - 1];
}

static int exists(const char *path) {
    struct stat unused;
    return stat(path, &unused) == 0;
}

static int watched_open(struct watched *f, const char *path, int flags, mode_t mode) {
    pthread_mutex_lock(&lock);
    int was_there = exists(path);
    if (f) {
        image_see(f, was_there);
        if (was_there && (flags & O_TRUNC)) unmodelled("open with O_TRUNC of", path);
        if (!was_there && (flags & O_CREAT)) image_note(f, OP_CREATE, 0, 0, NULL);
    }
    int fd = real.open(path, flags, mode);
    int failure = errno;
    if (fd < 0 && !was_there && (flags & O_CREAT)) fail("create", path);
    if (fd >= MAX_DESCRIPTORS) unmodelled("so high a descriptor of", path);
    if (fd >= 0) descriptors[fd] = f ? (signed char)(1 + (f - files)) : DIRECTORY;
    pthread_mutex_unlock(&lock);
    errno = failure;
    return fd;
}

static int any_open(int at, const char *path, int flags, mode_t mode) {
    struct watched *f = file_at(path);
    if (f || (file_count && path && strcmp(path, directory) == 0)) return watched_open(f, path, flags, mode);
    return at == AT_FDCWD ? real.open(path, flags, mode) : real.openat(at, path, flags, mode);
}

// The mode is there only where a file may be made.
#define READ_MODE(flags, mode)                     \
    mode_t mode = 0;                               \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {       \
        va_list rest;                              \
        va_start(rest, flags);                     \
        mode = va_arg(rest, mode_t);               \
        va_end(rest);                              \
    }

int open(const char *path, int flags, ...) {
    READ_MODE(flags, mode)
    return any_open(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    READ_MODE(flags, mode)
    return any_open(AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) {
    READ_MODE(flags, mode)
    return any_open(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...) {
    READ_MODE(flags, mode)
    return any_open(at, path, flags, mode);
}

int close(int fd) {
    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < MAX_DESCRIPTORS) descriptors[fd] = 0;
    pthread_mutex_unlock(&lock);
    return real.close(fd);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    struct watched *f = file_of(fd);
    if (!f) return real.pwrite(fd, data, length, offset);
    pthread_mutex_lock(&lock);
    image_note(f, OP_WRITE, (uint64_t)offset, length, data);
    if (real.pwrite(fd, data, length, offset) != (ssize_t)length) fail("write all of it to", f->path);
    pthread_mutex_unlock(&lock);
    return (ssize_t)length;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off_t offset) { return pwrite(fd, data, length, offset); }

ssize_t write(int fd, const void *data, size_t length) {
    struct watched *f = file_of(fd);
    if (!f) return real.write(fd, data, length);
    off_t offset = lseek(fd, 0, SEEK_CUR);
    pwrite(fd, data, length, offset);
    lseek(fd, offset + (off_t)length, SEEK_SET);
    return (ssize_t)length;
}

int ftruncate(int fd, off_t size) {
    struct watched *f = file_of(fd);
    if (!f) return real.ftruncate(fd, size);
    pthread_mutex_lock(&lock);
    image_note(f, OP_TRUNCATE, 0, (uint64_t)size, NULL);
    if (real.ftruncate(fd, size) < 0) fail("truncate", f->path);
    pthread_mutex_unlock(&lock);
    return 0;
}

int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

static int watched_sync(int fd, int (*sync)(int)) {
    struct watched *f = file_of(fd);
    int is_directory = fd >= 0 && fd < MAX_DESCRIPTORS && descriptors[fd] == DIRECTORY;
    if (!f && !is_directory) return sync(fd);
    pthread_mutex_lock(&lock);
    if (sync(fd) < 0) fail("sync", f ? f->path : directory);
    for (int i = 0; i < file_count && !ignore_sync; i++) image_settle(&files[i], &files[i] == f);
    pthread_mutex_unlock(&lock);
    return 0;
}

int fsync(int fd) { return watched_sync(fd, real.fsync); }

int fdatasync(int fd) { return watched_sync(fd, real.fdatasync); }

int unlink(const char *path) {
    struct watched *f = file_at(path);
    if (!f || !exists(path)) return real.unlink(path);
    pthread_mutex_lock(&lock);
    image_see(f, 1);
    image_note(f, OP_UNLINK, 0, 0, NULL);
    for (int fd = 0; fd < MAX_DESCRIPTORS; fd++) // nobody will find again what they write from now on
        if (file_of(fd) == f) descriptors[fd] = 0;
    if (real.unlink(path) < 0) fail("unlink", path);
    pthread_mutex_unlock(&lock);
    return 0;
}

int unlinkat(int at, const char *path, int flags) { return file_at(path) ? unlink(path) : real.unlinkat(at, path, flags); }

int rename(const char *from, const char *to) {
    if (file_at(from) || file_at(to)) unmodelled("a rename of", from);
    return real.rename(from, to);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    struct watched *f = file_of(fd);
    if (f && (protection & PROT_WRITE) && (flags & MAP_SHARED)) unmodelled("a shared mapping of", f->path);
    if (!real.mmap) return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset); // before begin
    return real.mmap(address, length, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    return mmap(address, length, protection, flags, fd, offset);
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
    if (file_of(fd)) unmodelled("fallocate of", file_of(fd)->path);
    return real.fallocate(fd, mode, offset, length);
}

int posix_fallocate(int fd, off_t offset, off_t length) {
    if (file_of(fd)) unmodelled("posix_fallocate of", file_of(fd)->path);
    return real.posix_fallocate(fd, offset, length);
}
