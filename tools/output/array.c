// .npy and .safetensors: float32 [1, channels, frames, height, width], not rounded: the frames as the decoder gives them.
//
// The channels come before the frames, so a frame is written as one plane per channel, each at its place in a
// file whose size is known, and reserved, from the start.
#define _GNU_SOURCE
#include "base/file.h"
#include "base/size.h"
#include "tools/npy/header.h"
#include "tools/output/output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct array {
    struct file_out file;
    uint64_t header_bytes, plane_bytes, bytes; // of numbers
};

enum { HEADER_MAX = NPY_HEADER_MAX };

static size_t header_of_npy(char header[HEADER_MAX], const struct output_params *p) {
    const uint64_t shape[] = {1, p->channels, p->frames, p->height, p->width};
    return npy_header(header, shape, sizeof shape / sizeof shape[0]);
}

// Eight bytes of length, and JSON, filled up with spaces to a multiple of 8.
static size_t header_of_safetensors(char header[HEADER_MAX], const struct output_params *p, uint64_t bytes) {
    enum { PREFIX = 8 };
    memset(header, ' ', HEADER_MAX);
    int n = snprintf(header + PREFIX, HEADER_MAX - PREFIX,
                     "{\"frames\":{\"dtype\":\"F32\",\"shape\":[1,%u,%" PRIu64
                     ",%u,%u],\"data_offsets\":[0,%" PRIu64 "]}}",
                     p->channels, p->frames, p->height, p->width, bytes);
    header[PREFIX + n] = ' '; // over the NUL
    size_t length = ((size_t)n + 7) / 8 * 8;
    for (unsigned i = 0; i < PREFIX; i++) header[i] = (char)(length >> 8 * i & 255);
    return PREFIX + length;
}

// Takes the space now, where the file system can: a full disk is then found before hours of decoding.
static bool reserve(const struct array *a, const struct output *o, struct error *err) {
    uint64_t size;
    if (!size_add(a->bytes, a->header_bytes, &size) || size > INT64_MAX)
        return error_set(err, ERROR_UNSUPPORTED, "%s: %" PRIu64 " frames are more than a file can hold",
                         o->path, o->params.frames);
    if (fallocate(a->file.fd, 0, 0, (off_t)size) == 0) return true;
    bool hopeless = errno == ENOSPC || errno == EFBIG || errno == EDQUOT;
    if (!hopeless && ftruncate(a->file.fd, (off_t)size) == 0) return true;
    return error_set(err, ERROR_IO, "%s: cannot write: %s (%" PRIu64 " bytes are needed)", o->path,
                     strerror(errno), size);
}

static bool measure(struct array *a, const struct output *o, struct error *err) {
    const struct output_params *p = &o->params;
    a->plane_bytes = (uint64_t)p->height * p->width * sizeof(float);
    return (size_mul(a->plane_bytes, p->channels, &a->bytes) && size_mul(a->bytes, p->frames, &a->bytes)) ||
           error_set(err, ERROR_UNSUPPORTED, "%s: %" PRIu64 " frames are more than a file can hold", o->path,
                     p->frames);
}

static bool write_header(struct array *a, const struct output *o, struct error *err) {
    char header[HEADER_MAX];
    a->header_bytes = o->format == &output_npy ? header_of_npy(header, &o->params)
                                               : header_of_safetensors(header, &o->params, a->bytes);
    return reserve(a, o, err) && file_write_at(&a->file, 0, header, (size_t)a->header_bytes, err);
}

static bool array_open(struct output *o, struct error *err) {
    struct array *a = o->state = calloc(1, sizeof *a);
    if (a == NULL) return error_set(err, ERROR_MEMORY, "%s: out of memory", o->path);
    a->file.fd = -1;
    if (!measure(a, o, err) || !file_create(&a->file, o->path, err)) return false;
    return write_header(a, o, err);
}

static bool array_write(struct output *o, const float *frame, struct error *err) {
    struct array *a = o->state;
    for (uint64_t c = 0; c < o->params.channels; c++) {
        uint64_t at = a->header_bytes + (c * o->params.frames + o->written) * a->plane_bytes;
        const float *plane = frame + c * o->params.height * o->params.width;
        if (!file_write_at(&a->file, at, plane, (size_t)a->plane_bytes, err)) return false;
    }
    return true;
}

static bool array_finish(struct output *o, struct error *err) {
    struct array *a = o->state;
    return file_commit(&a->file, err);
}

static void array_abort(struct output *o) {
    struct array *a = o->state;
    if (a != NULL) file_discard(&a->file);
    free(a);
    o->state = NULL;
}

const struct output_format output_npy = {
    .suffix = ".npy",
    .description = "float32 [1, 3, frames, height, width] in [-1, 1], not rounded",
    .seeks = true,
    .open = array_open,
    .write = array_write,
    .finish = array_finish,
    .abort = array_abort,
};
const struct output_format output_safetensors = {
    .suffix = ".safetensors",
    .description = "likewise, as the tensor 'frames'",
    .seeks = true,
    .open = array_open,
    .write = array_write,
    .finish = array_finish,
    .abort = array_abort,
};
