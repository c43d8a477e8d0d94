// Keeps two files beside each watched one. The image is what is durable for certain. The pending file is a log of what was
// done to the file since: a power cut may undo any of it. A sync carries the log over into the image.
//
// A process may be killed anywhere in here. Each operation is noted before it is done, so what is lost then was not done
// either; and carrying over what was carried over before changes nothing.

#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 16 };

static char buffer[COPY_BYTES];

void fail(const char *what, const char *path) {
    fprintf(stderr, "powercut: %s %s: %s\n", what, path, strerror(errno));
    abort();
}

void unmodelled(const char *call, const char *path) {
    fprintf(stderr, "powercut: %s %s is not modelled\n", call, path);
    abort();
}

void join(char to[PATH_MAX], const char *a, const char *b, const char *c) {
    if (snprintf(to, PATH_MAX, "%s%s%s", a, b, c) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        fail("use", a);
    }
}

void image_init(struct watched *f, const char *state, const char *database, const char *suffix) {
    char base[PATH_MAX], prefix[PATH_MAX];
    join(base, strrchr(database, '/') + 1, suffix, "");
    join(prefix, state, "/", base);
    join(f->path, database, suffix, "");
    join(f->image, prefix, ".image", "");
    join(f->pending, prefix, ".pending", "");
    f->pending_fd = -1;
}

// get reads exactly so much of one of our own files.
static void get(int fd, void *data, size_t length, off_t offset, const char *path) {
    for (size_t done = 0; done < length;) {
        ssize_t n = pread(fd, (char *)data + done, length - done, offset + (off_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) fail("read", path);
        done += (size_t)n;
    }
}

static void put(int fd, const void *data, size_t length, off_t offset, const char *path) {
    for (size_t done = 0; done < length;) {
        ssize_t n = real.pwrite(fd, (const char *)data + done, length - done, offset + (off_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) fail("write", path);
        done += (size_t)n;
    }
}

static void copy(int from, off_t from_offset, int to, off_t to_offset, off_t length, const char *path) {
    for (off_t done = 0; done < length;) {
        size_t part = length - done < COPY_BYTES ? (size_t)(length - done) : COPY_BYTES;
        get(from, buffer, part, from_offset + done, path);
        put(to, buffer, part, to_offset + done, path);
        done += (off_t)part;
    }
}

static off_t size_of(int fd) { return lseek(fd, 0, SEEK_END); }

// first_image makes what is in a file now its durable content: it was there before anybody watched.
static void first_image(struct watched *f) {
    char temporary[PATH_MAX];
    join(temporary, f->image, ".new", "");
    int from = real.open(f->path, O_RDONLY | O_CLOEXEC);
    int to = real.open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (from < 0 || to < 0) fail("copy", f->path);
    copy(from, 0, to, 0, size_of(from), f->path);
    real.close(from);
    real.close(to);
    if (real.rename(temporary, f->image) < 0) fail("rename", temporary);
}

static off_t after(const struct operation *op, off_t at) {
    return at + (off_t)sizeof *op + (op->kind == OP_WRITE ? (off_t)op->length : 0);
}

// mend takes away an operation that a kill has cut short: it was not begun. The one before it may have been done in part; what
// the file has of it is what counts.
static void mend(struct watched *f) {
    struct operation op = {0}, last = {0};
    off_t size = size_of(f->pending_fd), end = 0, last_at = 0;
    while (end + (off_t)sizeof op <= size) {
        get(f->pending_fd, &op, sizeof op, end, f->pending);
        if (after(&op, end) > size) break;
        last = op, last_at = end, end = after(&op, end);
    }
    if (end < size) {
        if (real.ftruncate(f->pending_fd, end) < 0) fail("truncate", f->pending);
        return;
    }
    int file = last.kind == OP_WRITE ? real.open(f->path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    off_t has = size_of(file) - (off_t)last.offset;
    if (has > 0) copy(file, (off_t)last.offset, f->pending_fd, last_at + (off_t)sizeof last, has < (off_t)last.length ? has : (off_t)last.length, f->pending);
    real.close(file);
}

// image_see prepares a file's state before it is opened for the first time. A pending file tells that another process, which
// was killed, has watched it before.
void image_see(struct watched *f, int exists) {
    if (f->pending_fd >= 0) return;
    struct stat unused;
    int seen = stat(f->pending, &unused) == 0;
    if (!seen && exists) first_image(f);
    f->pending_fd = real.open(f->pending, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (f->pending_fd < 0) fail("open", f->pending);
    if (seen) mend(f);
}

// image_note adds an operation to those that a power cut may undo, before it is done.
void image_note(struct watched *f, uint64_t kind, uint64_t offset, uint64_t length, const void *data) {
    struct operation op = {kind, offset, length};
    struct iovec parts[2] = {{&op, sizeof op}, {(void *)data, data ? length : 0}};
    ssize_t want = (ssize_t)(parts[0].iov_len + parts[1].iov_len);
    if (pwritev(f->pending_fd, parts, data ? 2 : 1, size_of(f->pending_fd)) != want) fail("note an operation in", f->pending);
}

// carry does one operation, found at a place of the pending file, to the image; image is its descriptor or -1. It returns
// the descriptor then.
static int carry(struct watched *f, const struct operation *op, off_t at, int image) {
    switch (op->kind) {
    case OP_UNLINK:
    case OP_CREATE:
        if (image >= 0) real.close(image);
        if (op->kind == OP_UNLINK) {
            if (real.unlink(f->image) < 0 && errno != ENOENT) fail("unlink", f->image);
            return -1;
        }
        image = real.open(f->image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (image < 0) fail("create", f->image);
        return image;
    case OP_TRUNCATE:
        if (real.ftruncate(image, (off_t)op->length) < 0) fail("truncate", f->image);
        return image;
    case OP_WRITE:
        copy(f->pending_fd, at + (off_t)sizeof *op, image, (off_t)op->offset, (off_t)op->length, f->image);
        return image;
    }
    unmodelled("an unknown operation in", f->pending);
}

// keep_from drops what has been carried over from the log, at one stroke.
static void keep_from(struct watched *f, off_t begin, off_t end) {
    if (begin == end) {
        if (real.ftruncate(f->pending_fd, 0) < 0) fail("truncate", f->pending);
        return;
    }
    char temporary[PATH_MAX];
    join(temporary, f->pending, ".new", "");
    int to = real.open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0) fail("create", temporary);
    copy(f->pending_fd, begin, to, 0, end - begin, f->pending);
    if (real.rename(temporary, f->pending) < 0) fail("rename", temporary);
    real.close(f->pending_fd);
    f->pending_fd = to;
}

// image_settle makes names durable: that a file was made or removed, with what was written before. With all, what was
// written since becomes durable too. That a file's sync brings the names with it is how ext4 and XFS do it.
void image_settle(struct watched *f, int all) {
    if (f->pending_fd < 0) return;
    struct operation op;
    off_t size = size_of(f->pending_fd), end = all ? size : 0;
    for (off_t at = 0; !all && at < size; at = after(&op, at)) {
        get(f->pending_fd, &op, sizeof op, at, f->pending);
        if (op.kind == OP_CREATE || op.kind == OP_UNLINK) end = after(&op, at);
    }
    if (end == 0) return;
    int image = real.open(f->image, O_RDWR | O_CLOEXEC);
    for (off_t at = 0; at < end; at = after(&op, at)) {
        get(f->pending_fd, &op, sizeof op, at, f->pending);
        image = carry(f, &op, at, image);
    }
    if (image >= 0) real.close(image);
    keep_from(f, end, size);
}
