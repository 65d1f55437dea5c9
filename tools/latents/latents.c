#include "tools/latents/latents.h"

#include "base/half.h"
#include "base/size.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct latents_reader *const readers[] = {
    &latents_npy,
};

enum { HEAD_BYTES = 16, ARRAY_SCRATCH = 1 << 16 };

static size_t element_size(const struct latents *l) {
    return l->type == LATENTS_U8 ? 1 : l->type == LATENTS_F16 ? 2 : 4;
}

bool latents_read_bytes(const struct latents *l, uint64_t offset, void *out, size_t size, struct error *err) {
    unsigned char *to = out;
    while (size > 0) {
        ssize_t n = pread(l->fd, to, size, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return error_set(err, ERROR_IO, "%s: cannot read: %s", l->path, strerror(errno));
        if (n == 0) {
            return error_set(err, ERROR_INPUT,
                             "%s: truncated: expected %zu more bytes at byte %llu, found the end", l->path,
                             size, (unsigned long long)offset);
        }
        to += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return true;
}

static bool open_file(struct latents *l, struct error *err) {
    // O_NONBLOCK: a named pipe without a writer would block here, before we can see that it is one.
    l->fd = open(l->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (l->fd < 0) return error_set(err, ERROR_IO, "%s: cannot open: %s", l->path, strerror(errno));
    struct stat st;
    if (fstat(l->fd, &st) != 0) {
        return error_set(err, ERROR_IO, "%s: cannot stat: %s", l->path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) return error_set(err, ERROR_IO, "%s: not a regular file", l->path);
    l->file_size = (uint64_t)st.st_size;
    return true;
}

static bool parse_header(struct latents *l, struct error *err) {
    unsigned char head[HEAD_BYTES];
    size_t size = l->file_size < sizeof head ? (size_t)l->file_size : sizeof head;
    if (!latents_read_bytes(l, 0, head, size, err)) return false;
    const char *what = l->is_array ? "numbers" : "latents";
    struct strbuf names = {0};
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        if (readers[i]->recognises(head, size)) {
            strbuf_free(&names);
            return readers[i]->parse(l, err);
        }
        strbuf_printf(&names, "%s%s", i > 0 ? " or " : "", readers[i]->name);
    }
    if (l->file_size == 0) {
        error_set(err, ERROR_INPUT, "%s: expected %s in a %s file, found an empty file", l->path, what,
                  strbuf_text(&names));
    } else {
        error_set(err, ERROR_INPUT, "%s: expected %s in a %s file, found another kind of file", l->path, what,
                  strbuf_text(&names));
    }
    strbuf_free(&names);
    return false;
}

void latents_print_shape(struct strbuf *b, const struct latents *l) {
    strbuf_add(b, "[");
    for (unsigned i = 0; i < l->rank; i++) {
        strbuf_printf(b, "%s%llu", i > 0 ? ", " : "", (unsigned long long)l->shape[i]);
    }
    strbuf_add(b, "]");
}

// "FILE: expected <expected>, found [1, 16, 3, 5]"
static bool wrong_shape(const struct latents *l, const char *expected, struct error *err) {
    struct strbuf found = {0};
    latents_print_shape(&found, l);
    error_set(err, ERROR_INPUT, "%s: expected %s, found %s", l->path, expected, strbuf_text(&found));
    strbuf_free(&found);
    return false;
}

// Where both readings fit, or none does, the channels come first.
static bool derive_axes(struct latents *l, uint64_t channels, struct error *err) {
    bool batched = l->rank == 5 && l->shape[0] == 1;
    if (l->rank != 4 && !batched) {
        return wrong_shape(l,
                           "latents of shape [1, channels, frames, height, width] or "
                           "[channels, frames, height, width], or frames before channels",
                           err);
    }
    const uint64_t *s = l->shape + (batched ? 1 : 0);
    if (s[0] == 0 || s[1] == 0 || s[2] == 0 || s[3] == 0) {
        return wrong_shape(l, "at least one frame of latents and no dimension of size 0", err);
    }
    l->frames_first = s[0] != channels && s[1] == channels;
    l->channels = s[l->frames_first], l->frames = s[!l->frames_first], l->height = s[2], l->width = s[3];
    return true;
}

static bool check_size(const struct latents *l, struct error *err) {
    uint64_t bytes = element_size(l);
    bool fits = true;
    for (unsigned i = 0; i < l->rank; i++) fits = fits && size_mul(bytes, l->shape[i], &bytes);
    uint64_t found = l->file_size - l->data_offset;
    if (fits && found == bytes) return true;
    if (!fits) return wrong_shape(l, "a shape that a file can hold", err);
    return error_set(err, ERROR_INPUT, "%s: %s: expected %llu bytes of numbers after the header, found %llu",
                     l->path, found < bytes ? "truncated" : "trailing bytes", (unsigned long long)bytes,
                     (unsigned long long)found);
}

static bool open_checked(struct latents *l, uint64_t channels, struct error *err) {
    if (!open_file(l, err) || !parse_header(l, err) || !derive_axes(l, channels, err) || !check_size(l, err))
        return false;
    l->scratch = malloc((size_t)(l->height * l->width) * element_size(l)); // no larger than the file
    if (l->scratch == NULL) return error_set(err, ERROR_MEMORY, "%s: no memory for one plane", l->path);
    return true;
}

bool latents_open(struct latents *l, const char *path, uint64_t channels, struct error *err) {
    *l = (struct latents){.path = path, .fd = -1};
    if (open_checked(l, channels, err)) return true;
    latents_close(l);
    return false;
}

static bool open_array(struct latents *l, struct error *err) {
    if (!open_file(l, err) || !parse_header(l, err) || !check_size(l, err)) return false;
    l->scratch = malloc(ARRAY_SCRATCH);
    return l->scratch != NULL || error_set(err, ERROR_MEMORY, "%s: out of memory", l->path);
}

bool latents_open_array(struct latents *l, const char *path, struct error *err) {
    *l = (struct latents){.path = path, .fd = -1, .is_array = true};
    if (open_array(l, err)) return true;
    latents_close(l);
    return false;
}

void latents_close(struct latents *l) {
    if (l->fd >= 0) close(l->fd);
    free(l->scratch);
    *l = (struct latents){.fd = -1};
}

bool latents_refuse_shape(const struct latents *l, uint64_t channels, const struct latents_size *sizes,
                          size_t count, struct error *err) {
    struct strbuf expected = {0};
    strbuf_printf(&expected, "latents of shape [%s", l->rank == 5 ? "1, " : "");
    strbuf_printf(&expected, l->frames_first ? "T, %llu, " : "%llu, T, ", (unsigned long long)channels);
    if (count > 1) strbuf_add(&expected, "h, w] with h x w of ");
    for (size_t i = 0; i < count; i++) {
        strbuf_printf(&expected, count == 1 ? "%llu, %llu]" : "%llux%llu",
                      (unsigned long long)sizes[i].height, (unsigned long long)sizes[i].width);
        if (i + 1 < count) strbuf_add(&expected, " or ");
    }
    strbuf_add(&expected, " by the plan");
    wrong_shape(l, strbuf_text(&expected), err);
    strbuf_free(&expected);
    return false;
}

static void convert_f16(float *out, const unsigned char *in, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = half_to_float((uint16_t)(in[2 * i] | in[2 * i + 1] << 8));
}

static void convert_f32(float *out, const unsigned char *in, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const unsigned char *b = in + 4 * i;
        out[i] = float_from_bits((uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
                                 (uint32_t)b[3] << 24);
    }
}

static void convert_u8(float *out, const unsigned char *in, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = in[i];
}

static void convert(const struct latents *l, float *out, size_t n) {
    if (l->type == LATENTS_U8) convert_u8(out, l->scratch, n);
    else if (l->type == LATENTS_F16) convert_f16(out, l->scratch, n);
    else convert_f32(out, l->scratch, n);
}

// Plane `i` of the file, [height][width].
static bool read_plane(struct latents *l, uint64_t i, float *out, struct error *err) {
    size_t n = (size_t)(l->height * l->width), bytes = n * element_size(l);
    if (!latents_read_bytes(l, l->data_offset + i * bytes, l->scratch, bytes, err)) return false;
    convert(l, out, n);
    return true;
}

bool latents_read_numbers(struct latents *l, uint64_t first, size_t count, float *out, struct error *err) {
    size_t size = element_size(l), most = ARRAY_SCRATCH / size;
    while (count > 0) {
        size_t n = count < most ? count : most;
        if (!latents_read_bytes(l, l->data_offset + first * size, l->scratch, n * size, err)) return false;
        convert(l, out, n);
        first += n, out += n, count -= n;
    }
    return true;
}

bool latents_read_frame(struct latents *l, uint64_t t, float *out, struct error *err) {
    for (uint64_t c = 0; c < l->channels; c++) {
        uint64_t plane = l->frames_first ? t * l->channels + c : c * l->frames + t;
        if (!read_plane(l, plane, out + c * l->height * l->width, err)) return false;
    }
    return true;
}

// Element `i` of a plane, named as the file's shape has it.
static bool not_finite(const struct latents *l, float x, uint64_t plane, uint64_t i, struct error *err) {
    const char *what = isnan(x) ? "NaN" : x < 0 ? "-infinity" : "infinity";
    uint64_t second = l->frames_first ? l->channels : l->frames;
    return error_set(err, ERROR_INPUT, "%s: expected finite numbers, found %s at [%s%llu, %llu, %llu, %llu]",
                     l->path, what, l->rank == 5 ? "0, " : "", (unsigned long long)(plane / second),
                     (unsigned long long)(plane % second), (unsigned long long)(i / l->width),
                     (unsigned long long)(i % l->width));
}

static bool check_plane(struct latents *l, uint64_t index, float *plane, struct error *err) {
    if (!read_plane(l, index, plane, err)) return false;
    float sum = 0; // of zeros, unless something is not finite: a loop without branches
    uint64_t n = l->height * l->width;
    for (uint64_t i = 0; i < n; i++) sum += plane[i] * 0.0f;
    for (uint64_t i = 0; sum != 0 && i < n; i++) { // NaN compares unequal
        if (!isfinite(plane[i])) return not_finite(l, plane[i], index, i, err);
    }
    return true;
}

bool latents_check_finite(struct latents *l, struct error *err) {
    float *plane = malloc((size_t)(l->height * l->width) * sizeof *plane);
    if (plane == NULL) return error_set(err, ERROR_MEMORY, "%s: no memory for one plane", l->path);
    bool ok = true;
    for (uint64_t i = 0; ok && i < l->channels * l->frames; i++) ok = check_plane(l, i, plane, err);
    free(plane);
    return ok;
}
