// Zip files: the list of members at their end, where each one's bytes lie, and their contents. Without encryption, in one
// file; stored or deflated; zip64 too.
#ifndef WANC_TOOLS_LATENTS_ZIP_H
#define WANC_TOOLS_LATENTS_ZIP_H

#include "base/arena.h"
#include "base/error.h"
#include "tools/latents/bytes.h"

#include <stdbool.h>

enum { ZIP_STORED = 0, ZIP_DEFLATED = 8 };

struct zip_member {
    const char *name;
    unsigned method;
    uint32_t crc; // of its contents
    uint64_t packed_size, size;
    uint64_t header; // where its own header begins
};

struct zip {
    struct zip_member *members;
    size_t count;
};

bool zip_recognises(const unsigned char *head, size_t size);
// The members, in the order of the list. They live in the arena.
bool zip_list(const struct bytes *file, struct arena *arena, struct zip *z, struct error *err);
const struct zip_member *zip_find(const struct zip *z, const char *name); // or NULL
// Its bytes as they lie in the file: the contents, if it is stored.
bool zip_locate(const struct bytes *file, const struct zip_member *m, struct bytes *out, struct error *err);
// Appends the first `most` bytes of a deflated member to `out`, or all of them; then size and checksum are checked.
bool zip_inflate(const struct bytes *packed, const struct zip_member *m, uint64_t most, struct spool *out,
                 struct error *err);
// Contents of a small member: at most `most` bytes, in the arena. NULL with an error.
unsigned char *zip_read(const struct bytes *file, const struct zip_member *m, size_t most,
                        struct arena *arena, struct error *err);

#endif
