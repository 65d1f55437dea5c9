// Where the bytes of latents lie: a part of an open file, read with pread rather than mapped. The resident memory of a
// run then does not grow with the length of the video, and a file that shrinks under us is an error instead of a SIGBUS.
#ifndef WANC_TOOLS_LATENTS_BYTES_H
#define WANC_TOOLS_LATENTS_BYTES_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct bytes {
    const char *path; // for messages; the caller's
    int fd;           // the caller's
    uint64_t start, size;
};

// Exactly `size` bytes from byte `offset` of the part on; an error that says how it ends otherwise.
bool bytes_read(const struct bytes *b, uint64_t offset, void *out, size_t size, struct error *err);
// The part of a part; false, without an error, if it is not inside.
bool bytes_part(const struct bytes *b, uint64_t offset, uint64_t size, struct bytes *out);

uint64_t bytes_little_endian(const unsigned char *from, unsigned count); // of up to 8 bytes

// A file without a name that grows: what cannot be read where it lies, because it comes through a pipe or is compressed.
// In memory as long as it is small, then on disk, in $TMPDIR or /var/tmp. It vanishes with the process.
enum { SPOOL_IN_MEMORY = 64 << 20 };

struct spool {
    const char *path; // for messages; the caller's
    int fd;
    uint64_t size;
    bool on_disk;
};

// A failed open needs no close, nor does a structure with fd -1.
bool spool_open(struct spool *s, const char *path, struct error *err);
bool spool_write(struct spool *s, const void *data, size_t size, struct error *err);
void spool_close(struct spool *s);
struct bytes spool_bytes(const struct spool *s);

#endif
