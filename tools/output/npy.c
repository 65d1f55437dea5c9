// .npy: float32 [1, channels, frames, height, width], not rounded: the frames as the decoder gives them.
//
// The channels come before the frames, so a frame is written as one plane per channel, each at its place in a
// file whose size is known, and reserved, from the start.
#define _GNU_SOURCE
#include "tools/output/output.h"

#include "base/file.h"
#include "base/size.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Magic, version, length, text: a multiple of 64, with room for five 20-digit numbers.
enum { HEADER_BYTES = 192 };

struct npy {
    struct file_out file;
    uint64_t plane_bytes;
};

static void make_header(char header[HEADER_BYTES], const struct output_params *p) {
    enum { PREFIX = 10 };
    uint16_t size = HEADER_BYTES - PREFIX;
    memset(header, ' ', HEADER_BYTES);
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = (char)(size & 255), header[9] = (char)(size >> 8);
    int n = snprintf(header + PREFIX, size,
                     "{'descr': '<f4', 'fortran_order': False, 'shape': (1, %u, %" PRIu64 ", %u, %u), }",
                     p->channels, p->frames, p->height, p->width);
    header[PREFIX + n] = ' '; // over the NUL
    header[HEADER_BYTES - 1] = '\n';
}

// Takes the space now, where the file system can: a full disk is then found before hours of decoding.
static bool reserve(struct npy *n, const struct output *o, struct error *err) {
    uint64_t size;
    if (!size_mul(n->plane_bytes, o->params.channels, &size) || !size_mul(size, o->params.frames, &size) ||
        !size_add(size, HEADER_BYTES, &size) || size > INT64_MAX) {
        return error_set(err, ERROR_UNSUPPORTED, "%s: %" PRIu64 " frames are more than a file can hold",
                         o->path, o->params.frames);
    }
    if (fallocate(n->file.fd, 0, 0, (off_t)size) == 0) return true;
    bool hopeless = errno == ENOSPC || errno == EFBIG || errno == EDQUOT;
    if (!hopeless && ftruncate(n->file.fd, (off_t)size) == 0) return true;
    return error_set(err, ERROR_IO, "%s: cannot write: %s (%" PRIu64 " bytes are needed)", o->path,
                     strerror(errno), size);
}

static bool npy_open(struct output *o, struct error *err) {
    struct npy *n = o->state = calloc(1, sizeof *n);
    if (n == NULL) return error_set(err, ERROR_MEMORY, "%s: out of memory", o->path);
    n->file.fd = -1;
    n->plane_bytes = (uint64_t)o->params.height * o->params.width * sizeof(float);
    char header[HEADER_BYTES];
    make_header(header, &o->params);
    if (!file_create(&n->file, o->path, err)) return false;
    o->temporary = n->file.temporary;
    return reserve(n, o, err) && file_write_at(&n->file, 0, header, sizeof header, err);
}

static bool npy_write(struct output *o, const float *frame, struct error *err) {
    struct npy *n = o->state;
    for (uint64_t c = 0; c < o->params.channels; c++) {
        uint64_t at = HEADER_BYTES + (c * o->params.frames + o->written) * n->plane_bytes;
        const float *plane = frame + c * o->params.height * o->params.width;
        if (!file_write_at(&n->file, at, plane, (size_t)n->plane_bytes, err)) return false;
    }
    return true;
}

static bool npy_finish(struct output *o, struct error *err) {
    struct npy *n = o->state;
    return file_commit(&n->file, err);
}

static void npy_abort(struct output *o) {
    struct npy *n = o->state;
    if (n != NULL) file_discard(&n->file);
    free(n);
    o->state = NULL;
}

const struct output_format output_npy = {
    .suffix = ".npy",
    .description = "float32 [1, 3, frames, height, width] in [-1, 1], not rounded",
    .open = npy_open,
    .write = npy_write,
    .finish = npy_finish,
    .abort = npy_abort,
};
