// Every multi-byte number of a zip file is little endian.
//
//     of each member  its header: "PK\3\4", .., sizes of its name and of its extra field at byte 26; then these; then data
//     the list        of each member 46 bytes, "PK\1\2", .., then its name, its extra field and its comment
//     at the end      "PK\5\6", .., how many members, size and place of the list, a comment
//
// Sizes and places of 0xffffffff stand in the extra field (id 1) or, of the list, in another record (zip64).
#include "tools/latents/zip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { END_BYTES = 22, END64_BYTES = 56, LOCATOR_BYTES = 20, ENTRY_BYTES = 46, HEADER_BYTES = 30 };
enum { MAX_COMMENT = 0xffff, MAX_LIST = 4 << 20, MAX_MEMBERS = 1 << 13, BLOCK = 1 << 16, MAX_RATIO = 1032 };

struct list {
    uint64_t count, size, offset;
};

static uint64_t number(const unsigned char *from, unsigned count) { return bytes_little_endian(from, count); }

static bool malformed(const struct bytes *file, const char *why, struct error *err) {
    return error_set(err, ERROR_INPUT, "%s: malformed zip file: %s", file->path, why);
}

bool zip_recognises(const unsigned char *head, size_t size) {
    return size >= 4 && (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0);
}

// ---- the list of members

// A zip64 record says what does not fit the record at the end.
static bool find_list64(const struct bytes *file, uint64_t end, struct list *list, struct error *err) {
    unsigned char b[END64_BYTES];
    if (end < LOCATOR_BYTES) return true;
    if (!bytes_read(file, end - LOCATOR_BYTES, b, LOCATOR_BYTES, err)) return false;
    if (memcmp(b, "PK\6\7", 4) != 0) return true;
    if (!bytes_read(file, number(b + 8, 8), b, sizeof b, err)) return false;
    if (memcmp(b, "PK\6\6", 4) != 0) return malformed(file, "no zip64 record where its end says", err);
    *list = (struct list){number(b + 32, 8), number(b + 40, 8), number(b + 48, 8)};
    return true;
}

static bool find_list(const struct bytes *file, struct list *list, struct error *err) {
    static unsigned char tail[END_BYTES + MAX_COMMENT];
    size_t n = file->size < sizeof tail ? (size_t)file->size : sizeof tail;
    if (!bytes_read(file, file->size - n, tail, n, err)) return false;
    for (size_t back = END_BYTES; back <= n; back++) {
        const unsigned char *b = tail + n - back;
        if (memcmp(b, "PK\5\6", 4) != 0 || number(b + 20, 2) != back - END_BYTES) continue;
        *list = (struct list){number(b + 10, 2), number(b + 12, 4), number(b + 16, 4)};
        return find_list64(file, file->size - back, list, err);
    }
    return malformed(file, "no list of members at its end (truncated?)", err);
}

// The three that may be too large for their 32 bits, in this order, if they are.
static bool read_extra(const struct bytes *file, const unsigned char *extra, size_t size,
                       struct zip_member *m, struct error *err) {
    uint64_t *wide[] = {&m->size, &m->packed_size, &m->header};
    while (size >= 4) {
        size_t n = (size_t)number(extra + 2, 2), used = 0;
        if (n > size - 4) break;
        for (size_t i = 0; number(extra, 2) == 1 && i < 3; i++) {
            if (*wide[i] != 0xffffffff || used + 8 > n) continue;
            *wide[i] = number(extra + 4 + used, 8);
            used += 8;
        }
        extra += 4 + n, size -= 4 + n;
    }
    return size < 4 || malformed(file, "an extra field is longer than its entry", err);
}

static bool check_member(const struct bytes *file, const struct zip_member *m, unsigned flags,
                         struct error *err) {
    if (flags & 1)
        return error_set(err, ERROR_UNSUPPORTED, "%s: member '%.100s' is encrypted", file->path, m->name);
    if (m->packed_size > file->size || m->header > file->size)
        return malformed(file, "a member lies outside of the file", err);
    if (m->method == ZIP_STORED && m->size != m->packed_size)
        return malformed(file, "a stored member has two sizes", err);
    if (m->method == ZIP_DEFLATED && m->size / MAX_RATIO > m->packed_size)
        return malformed(file, "a member says that it is larger than it can be", err);
    return true;
}

// One entry, and how many bytes it takes.
static bool read_entry(const struct bytes *file, const unsigned char *b, size_t left, struct arena *arena,
                       struct zip_member *m, size_t *taken, struct error *err) {
    if (left < ENTRY_BYTES || memcmp(b, "PK\1\2", 4) != 0)
        return malformed(file, "its list of members ends early", err);
    size_t name = (size_t)number(b + 28, 2), extra = (size_t)number(b + 30, 2);
    *taken = ENTRY_BYTES + name + extra + (size_t)number(b + 32, 2);
    if (*taken > left) return malformed(file, "its list of members ends early", err);
    if (memchr(b + ENTRY_BYTES, 0, name) != NULL) return malformed(file, "a name with a zero byte", err);
    *m = (struct zip_member){.name = arena_printf(arena, "%.*s", (int)name, (const char *)b + ENTRY_BYTES),
                             .method = (unsigned)number(b + 10, 2),
                             .crc = (uint32_t)number(b + 16, 4),
                             .packed_size = number(b + 20, 4),
                             .size = number(b + 24, 4),
                             .header = number(b + 42, 4)};
    return read_extra(file, b + ENTRY_BYTES + name, extra, m, err) &&
           check_member(file, m, (unsigned)number(b + 8, 2), err);
}

static bool read_list(const struct bytes *file, const unsigned char *b, size_t size, struct arena *arena,
                      struct zip *z, struct error *err) {
    for (size_t i = 0, at = 0, taken = 0; i < z->count; i++, at += taken) {
        if (!read_entry(file, b + at, size - at, arena, &z->members[i], &taken, err)) return false;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(z->members[k].name, z->members[i].name) == 0)
                return malformed(file, "two members of one name", err);
        }
    }
    return true;
}

bool zip_list(const struct bytes *file, struct arena *arena, struct zip *z, struct error *err) {
    struct list list = {0};
    struct bytes part;
    if (!find_list(file, &list, err)) return false;
    if (!bytes_part(file, list.offset, list.size, &part))
        return malformed(file, "its list of members lies outside of the file", err);
    if (list.size > MAX_LIST || list.count > MAX_MEMBERS)
        return error_set(err, ERROR_UNSUPPORTED, "%s: expected at most %d members in a zip file, found %llu",
                         file->path, MAX_MEMBERS, (unsigned long long)list.count);
    unsigned char *b = malloc((size_t)list.size + 1);
    if (b == NULL) return error_set(err, ERROR_MEMORY, "%s: no memory for its list of members", file->path);
    z->count = (size_t)list.count;
    z->members = arena_array(arena, z->count + 1, sizeof *z->members);
    bool ok = bytes_read(&part, 0, b, (size_t)list.size, err) &&
              read_list(file, b, (size_t)list.size, arena, z, err);
    free(b);
    return ok;
}

const struct zip_member *zip_find(const struct zip *z, const char *name) {
    for (size_t i = 0; i < z->count; i++) {
        if (strcmp(z->members[i].name, name) == 0) return &z->members[i];
    }
    return NULL;
}

// ---- contents

bool zip_locate(const struct bytes *file, const struct zip_member *m, struct bytes *out, struct error *err) {
    unsigned char b[HEADER_BYTES];
    if (m->method != ZIP_STORED && m->method != ZIP_DEFLATED)
        return error_set(err, ERROR_UNSUPPORTED,
                         "%s: member '%.100s': expected it stored or deflated, found method %u", file->path,
                         m->name, m->method);
    if (!bytes_read(file, m->header, b, sizeof b, err)) return false;
    if (memcmp(b, "PK\3\4", 4) != 0) return malformed(file, "no member where its list says", err);
    uint64_t data = m->header + HEADER_BYTES + number(b + 26, 2) + number(b + 28, 2);
    return bytes_part(file, data, m->packed_size, out) ||
           malformed(file, "a member lies outside of the file", err);
}

struct inflation {
    z_stream stream;
    const struct bytes *packed;
    const struct zip_member *m;
    uint64_t read, written;
    uLong crc;
    unsigned char in[BLOCK], out[BLOCK];
};

static bool refill(struct inflation *f, struct error *err) {
    uint64_t left = f->packed->size - f->read;
    size_t n = left < sizeof f->in ? (size_t)left : sizeof f->in;
    if (f->stream.avail_in > 0) return true;
    if (!bytes_read(f->packed, f->read, f->in, n, err)) return false;
    f->read += n;
    f->stream.next_in = f->in;
    f->stream.avail_in = (uInt)n;
    return true;
}

static bool damaged(const struct inflation *f, const char *why, struct error *err) {
    return error_set(err, ERROR_INPUT, "%s: member '%.100s': %s", f->packed->path, f->m->name, why);
}

// Never writes more than the member is said to have.
static bool inflate_blocks(struct inflation *f, uint64_t most, struct spool *out, struct error *err) {
    for (int status = Z_OK; status != Z_STREAM_END && f->written < most;) {
        if (!refill(f, err)) return false;
        f->stream.next_out = f->out;
        f->stream.avail_out = sizeof f->out;
        status = inflate(&f->stream, Z_NO_FLUSH);
        size_t n = sizeof f->out - f->stream.avail_out;
        if (status != Z_OK && status != Z_STREAM_END)
            return damaged(f, "its compressed bytes are damaged", err);
        if (n > f->m->size - f->written) return damaged(f, "it is longer than its list says", err);
        f->crc = crc32(f->crc, f->out, (uInt)n);
        f->written += n;
        if (!spool_write(out, f->out, n, err)) return false;
    }
    if (f->written >= most && most < f->m->size) return true;
    if (f->written != f->m->size) return damaged(f, "it is shorter than its list says", err);
    return f->crc == f->m->crc || damaged(f, "its checksum is not right", err);
}

bool zip_inflate(const struct bytes *packed, const struct zip_member *m, uint64_t most, struct spool *out,
                 struct error *err) {
    struct inflation *f = calloc(1, sizeof *f);
    if (f == NULL || inflateInit2(&f->stream, -MAX_WBITS) != Z_OK) {
        free(f);
        return error_set(err, ERROR_MEMORY, "%s: no memory to inflate", packed->path);
    }
    f->packed = packed;
    f->m = m;
    bool ok = inflate_blocks(f, most, out, err);
    inflateEnd(&f->stream);
    free(f);
    return ok;
}

static bool read_packed(const struct bytes *data, const struct zip_member *m, unsigned char *out,
                        struct error *err) {
    struct spool spool;
    if (!spool_open(&spool, data->path, err)) return false;
    bool ok = zip_inflate(data, m, m->size, &spool, err);
    struct bytes contents = spool_bytes(&spool);
    ok = ok && bytes_read(&contents, 0, out, (size_t)m->size, err);
    spool_close(&spool);
    return ok;
}

unsigned char *zip_read(const struct bytes *file, const struct zip_member *m, size_t most,
                        struct arena *arena, struct error *err) {
    struct bytes data;
    if (!zip_locate(file, m, &data, err)) return NULL;
    if (m->size > most) {
        error_set(err, ERROR_UNSUPPORTED, "%s: member '%.100s': expected at most %zu bytes, found %llu",
                  file->path, m->name, most, (unsigned long long)m->size);
        return NULL;
    }
    unsigned char *out = arena_alloc(arena, (size_t)m->size + 1);
    bool ok = m->method == ZIP_STORED ? bytes_read(&data, 0, out, (size_t)m->size, err)
                                      : read_packed(&data, m, out, err);
    return ok ? out : NULL;
}
