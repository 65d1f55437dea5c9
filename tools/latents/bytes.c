#define _GNU_SOURCE
#include "tools/latents/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 16 };

bool bytes_read(const struct bytes *b, uint64_t offset, void *out, size_t size, struct error *err) {
    unsigned char *to = out;
    uint64_t left = offset < b->size ? b->size - offset : 0;
    while (size > 0) {
        size_t most = size < left ? size : (size_t)left;
        ssize_t n = most > 0 ? pread(b->fd, to, most, (off_t)(b->start + offset)) : 0;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return error_set(err, ERROR_IO, "%s: cannot read: %s", b->path, strerror(errno));
        if (n == 0) {
            return error_set(err, ERROR_INPUT,
                             "%s: truncated: expected %zu more bytes at byte %llu, found the end", b->path,
                             size, (unsigned long long)(b->start + offset));
        }
        to += n;
        offset += (uint64_t)n;
        left -= (uint64_t)n;
        size -= (size_t)n;
    }
    return true;
}

bool bytes_part(const struct bytes *b, uint64_t offset, uint64_t size, struct bytes *out) {
    if (offset > b->size || size > b->size - offset) return false;
    *out = (struct bytes){b->path, b->fd, b->start + offset, size};
    return true;
}

uint64_t bytes_little_endian(const unsigned char *from, unsigned count) {
    uint64_t x = 0;
    for (unsigned i = 0; i < count; i++) x |= (uint64_t)from[i] << 8 * i;
    return x;
}

// ---- spools

bool spool_open(struct spool *s, const char *path, struct error *err) {
    *s = (struct spool){.path = path, .fd = memfd_create("latents", MFD_CLOEXEC)};
    return s->fd >= 0 ||
           error_set(err, ERROR_IO, "%s: cannot make a file in memory: %s", path, strerror(errno));
}

static bool write_all(const struct spool *s, int fd, const void *data, size_t size, struct error *err) {
    const unsigned char *from = data;
    while (size > 0) {
        ssize_t n = write(fd, from, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            return error_set(err, ERROR_IO, "%s: cannot write a temporary file: %s", s->path,
                             strerror(errno));
        from += n;
        size -= (size_t)n;
    }
    return true;
}

static int open_on_disk(void) {
    const char *folder = getenv("TMPDIR");
    char path[4096];
    if (folder == NULL || folder[0] == 0) folder = "/var/tmp";
    if (snprintf(path, sizeof path, "%s/wanrun-XXXXXX", folder) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) unlink(path);
    return fd;
}

static bool move_to_disk(struct spool *s, struct error *err) {
    unsigned char block[COPY_BYTES];
    struct bytes from = spool_bytes(s);
    int fd = open_on_disk();
    bool ok = fd >= 0 ||
              error_set(err, ERROR_IO, "%s: cannot create a temporary file: %s", s->path, strerror(errno));
    for (uint64_t at = 0; ok && at < s->size; at += sizeof block) {
        size_t n = s->size - at < sizeof block ? (size_t)(s->size - at) : sizeof block;
        ok = bytes_read(&from, at, block, n, err) && write_all(s, fd, block, n, err);
    }
    if (!ok) {
        if (fd >= 0) close(fd);
        return false;
    }
    close(s->fd);
    s->fd = fd;
    s->on_disk = true;
    return true;
}

bool spool_write(struct spool *s, const void *data, size_t size, struct error *err) {
    if (!s->on_disk && s->size + size > SPOOL_IN_MEMORY && !move_to_disk(s, err)) return false;
    if (!write_all(s, s->fd, data, size, err)) return false;
    s->size += size;
    return true;
}

void spool_close(struct spool *s) {
    if (s->fd >= 0) close(s->fd);
    s->fd = -1;
}

struct bytes spool_bytes(const struct spool *s) {
    return (struct bytes){s->path, s->fd, 0, s->size};
}
