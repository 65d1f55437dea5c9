#include "tools/latents/latents.h"

#include "base/size.h"
#include "base/strbuf.h"
#include "tools/latents/zip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SCRATCH = 1 << 16 }; // bytes, where numbers are not read plane by plane

static const struct latents_options plain; // files as they say themselves

typedef unsigned long long ull; // for printf

static size_t element_size(const struct latents *l) { return latents_type_size(l->type); }

// ---- shapes

void latents_print_shape(struct strbuf *b, const struct latents *l) {
    struct latents_tensor t = {.rank = l->rank};
    memcpy(t.shape, l->shape, sizeof t.shape);
    latents_tensor_print_shape(b, &t);
}

// "FILE: expected <expected>, found [1, 16, 3, 5]"
static bool wrong_shape(const struct latents *l, const char *expected, struct error *err) {
    struct strbuf found = {0};
    latents_print_shape(&found, l);
    error_set(err, ERROR_INPUT, "%s: expected %s, found %s", l->path, expected, strbuf_text(&found));
    strbuf_free(&found);
    return false;
}

// Where neither reading fits, the channels come first, until the shape is refused.
static bool derive_layout(struct latents *l, const uint64_t *s, uint64_t channels, enum latents_layout layout,
                          struct error *err) {
    l->frames_first =
        layout == LATENTS_TCHW || (layout == LATENTS_BY_CHANNELS && s[0] != channels && s[1] == channels);
    if (layout != LATENTS_BY_CHANNELS || s[0] != channels || s[1] != channels) return true;
    return wrong_shape(l,
                       "one axis as long as the plan has channels, or --layout cthw or --layout tchw, which "
                       "says which of two it is",
                       err);
}

static bool derive_axes(struct latents *l, uint64_t channels, enum latents_layout layout, struct error *err) {
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
    if (!derive_layout(l, s, channels, layout, err)) return false;
    l->channels = s[l->frames_first], l->frames = s[!l->frames_first], l->height = s[2], l->width = s[3];
    return true;
}

bool latents_refuse_shape(const struct latents *l, uint64_t channels, const struct latents_size *sizes,
                          size_t count, struct error *err) {
    struct strbuf expected = {0};
    strbuf_printf(&expected, "latents of shape [%s", l->rank == 5 ? "1, " : "");
    strbuf_printf(&expected, l->frames_first ? "T, %llu, " : "%llu, T, ", (ull)channels);
    if (count > 1) strbuf_add(&expected, "h, w] with h x w of ");
    for (size_t i = 0; i < count; i++) {
        strbuf_printf(&expected, count == 1 ? "%llu, %llu]" : "%llux%llu", (ull)sizes[i].height,
                      (ull)sizes[i].width);
        if (i + 1 < count) strbuf_add(&expected, " or ");
    }
    strbuf_add(&expected, " by the plan");
    wrong_shape(l, strbuf_text(&expected), err);
    strbuf_free(&expected);
    return false;
}

// How many bytes its numbers are, each counted once, and how many lie between the first and the end of the last one.
static bool measure(const struct latents *l, uint64_t *all, uint64_t *extent) {
    uint64_t size = element_size(l), far = 0, way;
    bool fits = true, empty = false;
    *all = size;
    for (unsigned i = 0; i < l->rank; i++) {
        empty = empty || l->shape[i] == 0;
        fits = fits && size_mul(*all, l->shape[i], all);
        if (l->shape[i] < 2) continue;
        fits = fits && size_mul(l->shape[i] - 1, l->stride[i], &way) && size_add(far, way, &far);
    }
    fits = fits && size_add(far, 1, &far) && size_mul(far, size, extent);
    if (fits && empty) *all = *extent = 0;
    return fits;
}

// `found` bytes of numbers are there. A part may be smaller; one that repeats numbers (an expanded tensor) could be of any
// size in a small file.
static bool check_size(const struct latents *l, bool is_part, uint64_t found, struct error *err) {
    uint64_t bytes, extent;
    if (!measure(l, &bytes, &extent)) return wrong_shape(l, "a shape that a file can hold", err);
    if (is_part && extent <= found && bytes > found)
        return wrong_shape(l, "a tensor that does not repeat numbers (save x.contiguous())", err);
    if (is_part ? extent <= found : bytes == found) return true;
    uint64_t wanted = is_part ? extent : bytes;
    return error_set(err, ERROR_INPUT, "%s: %s: expected %llu bytes of numbers after the header, found %llu",
                     l->path, found < wanted ? "truncated" : "trailing bytes", (ull)wanted, (ull)found);
}

// ---- opening

static bool exists(const char *path) {
    struct stat st;
    return strcmp(path, "-") == 0 || stat(path, &st) == 0;
}

// "FILE:KEY": l->path becomes FILE, and *key KEY, unless there is a file of the whole name.
static bool split_path(struct latents *l, const char *path, const char **key, struct error *err) {
    l->path = strdup(path);
    if (l->path == NULL) return error_set(err, ERROR_MEMORY, "%s: out of memory", path);
    char *colon = strrchr(l->path, ':');
    if (exists(path) || colon == NULL) return true;
    *colon = 0;
    if (exists(l->path)) *key = path + (colon + 1 - l->path);
    else *colon = ':';
    return true;
}

// Words of two bytes are what --dtype says.
static bool choose_type(struct latents *l, const struct latents_tensor *t, const struct latents_options *o,
                        bool is_array, struct error *err) {
    l->type = t->type == LATENTS_WORDS && o->has_type && o->type == LATENTS_BF16 ? o->type : t->type;
    if (is_array && l->type == LATENTS_U8) return true;
    if (l->type == LATENTS_WORDS)
        return error_set(
            err, ERROR_INPUT,
            "%s: expected float16, float32, bfloat16 or float64, found %s: are they bfloat16? Then say "
            "--dtype bf16",
            l->path, t->type_name);
    if (!latents_type_is_float(l->type))
        return error_set(err, ERROR_INPUT, "%s: expected float16, float32, bfloat16 or float64, found %s",
                         l->path, t->type_name);
    return !o->has_type || l->type == o->type ||
           error_set(err, ERROR_INPUT, "%s: expected %s, by --dtype, found %s", l->path,
                     latents_type_name(o->type), t->type_name);
}

static void take_tensor(struct latents *l, const struct latents_tensor *t) {
    l->rank = t->rank;
    memcpy(l->shape, t->shape, sizeof l->shape);
    memcpy(l->stride, t->stride, sizeof l->stride);
    l->numbers = t->numbers;
}

// Compressed numbers are unpacked once the shape is known to be right.
static bool unpack(struct latents *l, const struct latents_tensor *t, struct error *err) {
    if (t->packed == NULL) return true;
    if (!spool_open(&l->spool, l->path, err) ||
        !zip_inflate(&t->numbers, t->packed, t->packed->size, &l->spool, err))
        return false;
    struct bytes all = spool_bytes(&l->spool);
    return bytes_part(&all, t->skip, all.size - t->skip, &l->numbers) ||
           error_set(err, ERROR_INTERNAL, "%s: a header larger than its file", l->path);
}

static uint64_t unpacked_size(const struct latents_tensor *t) {
    if (t->packed == NULL) return t->numbers.size;
    return t->packed->size > t->skip ? t->packed->size - t->skip : 0;
}

static bool has_dense_planes(const struct latents *l) {
    return l->stride[l->rank - 1] == 1 && l->stride[l->rank - 2] == l->width;
}

static bool make_scratch(struct latents *l, struct error *err) {
    uint64_t plane = l->height * l->width * element_size(l); // no larger than the file, if it is dense
    l->scratch = malloc(l->rank >= 4 && has_dense_planes(l) && plane > SCRATCH ? (size_t)plane : SCRATCH);
    return l->scratch != NULL || error_set(err, ERROR_MEMORY, "%s: no memory for one plane", l->path);
}

// The start or end of a slice of Python, of `count` frames.
static uint64_t slice_end(int64_t i, uint64_t count) {
    uint64_t back = i < 0 ? (uint64_t) - (i + 1) + 1 : 0;
    if (i < 0) return back < count ? count - back : 0;
    return (uint64_t)i < count ? (uint64_t)i : count;
}

static bool choose_frames(struct latents *l, const struct latents_options *o, struct error *err) {
    if (!o->has_frames) return true;
    uint64_t from = slice_end(o->from, l->frames), to = slice_end(o->to, l->frames);
    if (from >= to)
        return error_set(err, ERROR_INPUT, "%s: expected frames in --frames, found none of its %llu", l->path,
                         (ull)l->frames);
    l->first_frame = from;
    l->frames = to - from;
    return true;
}

static bool choose_statistics(struct latents *l, const struct latents_statistics *s, struct error *err) {
    l->statistics = s;
    return s == NULL || s->channels == l->channels ||
           error_set(err, ERROR_INPUT, "%s: expected %llu channels, as --denormalize %s has, found %llu",
                     l->path, (ull)s->channels, s->name, (ull)l->channels);
}

static const struct latents_tensor *open_tensor(struct latents *l, const char *path, uint64_t channels,
                                                const struct latents_options *o, struct error *err) {
    const char *key = o->key;
    struct latents_raw raw = {o->type, o->rank, o->shape};
    if (!split_path(l, path, &key, err) ||
        !latents_file_open(&l->file, l->path, o->rank > 0 ? &raw : NULL, err))
        return NULL;
    if (strcmp(l->path, "-") == 0) { // as messages name it
        free(l->path);
        l->path = strdup(l->file.path);
        if (l->path == NULL) error_set(err, ERROR_MEMORY, "%s: out of memory", path);
        if (l->path == NULL) return NULL;
    }
    return latents_choose(&l->file, key, channels, err);
}

static bool open_checked(struct latents *l, const char *path, uint64_t channels,
                         const struct latents_options *o, struct error *err) {
    const struct latents_tensor *t = open_tensor(l, path, channels, o, err);
    if (t == NULL) return false;
    take_tensor(l, t);
    return choose_type(l, t, o, false, err) && derive_axes(l, channels, o->layout, err) &&
           check_size(l, t->is_part, unpacked_size(t), err) && choose_statistics(l, o->statistics, err) &&
           unpack(l, t, err) && choose_frames(l, o, err) && make_scratch(l, err);
}

bool latents_open(struct latents *l, const char *path, uint64_t channels,
                  const struct latents_options *options, struct error *err) {
    *l = (struct latents){.file.bytes.fd = -1, .file.input.fd = -1, .spool.fd = -1};
    if (open_checked(l, path, channels, options != NULL ? options : &plain, err)) return true;
    latents_close(l);
    return false;
}

static bool is_dense(const struct latents_tensor *t) {
    struct latents_tensor dense = *t;
    latents_set_dense(&dense);
    for (unsigned i = 0; i < t->rank; i++) {
        if (t->shape[i] > 1 && t->stride[i] != dense.stride[i]) return false;
    }
    return true;
}

static bool open_array(struct latents *l, const char *path, struct error *err) {
    const struct latents_tensor *t = open_tensor(l, path, 0, &plain, err);
    if (t == NULL) return false;
    take_tensor(l, t);
    if (!is_dense(t))
        return error_set(err, ERROR_INPUT, "%s: expected C order (save x.contiguous())", l->path);
    return choose_type(l, t, &plain, true, err) && check_size(l, t->is_part, unpacked_size(t), err) &&
           unpack(l, t, err) && make_scratch(l, err);
}

bool latents_open_array(struct latents *l, const char *path, struct error *err) {
    *l = (struct latents){.file.bytes.fd = -1, .file.input.fd = -1, .spool.fd = -1};
    if (open_array(l, path, err)) return true;
    latents_close(l);
    return false;
}

void latents_close(struct latents *l) {
    if (l->path != NULL) { // else there is nothing open: also in a zeroed structure, whose descriptors are 0
        latents_file_close(&l->file);
        spool_close(&l->spool);
    }
    free(l->path);
    free(l->scratch);
    *l = (struct latents){.file.bytes.fd = -1, .file.input.fd = -1, .spool.fd = -1};
}

// ---- reading

// `count` numbers, `stride` apart, from number `at` on.
static bool read_numbers(struct latents *l, uint64_t at, uint64_t stride, size_t count, float *out,
                         struct error *err) {
    size_t size = element_size(l), span = 1; // numbers at a time, from the first to the last
    size_t most =
        stride < SCRATCH / size ? (size_t)((SCRATCH / size - 1) / (stride > 0 ? stride : 1) + 1) : 1;
    while (count > 0) {
        size_t n = count < most ? count : most;
        span = (n - 1) * (size_t)stride + 1;
        if (!bytes_read(&l->numbers, at * size, l->scratch, span * size, err)) return false;
        for (size_t i = 1; stride != 1 && i < n; i++)
            memmove(l->scratch + i * size, l->scratch + i * (size_t)stride * size, size);
        latents_to_floats(l->type, l->scratch, out, n);
        at += n * stride, out += n, count -= n;
    }
    return true;
}

bool latents_read_numbers(struct latents *l, uint64_t first, size_t count, float *out, struct error *err) {
    return read_numbers(l, first, 1, count, out, err);
}

// One channel of frame `t`, [height][width].
static bool read_plane(struct latents *l, uint64_t c, uint64_t t, float *out, struct error *err) {
    const uint64_t *stride = l->stride + l->rank - 4;
    uint64_t at = c * stride[l->frames_first] + (l->first_frame + t) * stride[!l->frames_first];
    size_t n = (size_t)(l->height * l->width), size = element_size(l);
    if (has_dense_planes(l)) {
        if (!bytes_read(&l->numbers, at * size, l->scratch, n * size, err)) return false;
        latents_to_floats(l->type, l->scratch, out, n);
        return true;
    }
    for (uint64_t y = 0; y < l->height; y++) {
        if (!read_numbers(l, at + y * stride[2], stride[3], (size_t)l->width, out + y * l->width, err))
            return false;
    }
    return true;
}

bool latents_read_frame(struct latents *l, uint64_t t, float *out, struct error *err) {
    size_t plane = (size_t)(l->height * l->width);
    for (uint64_t c = 0; c < l->channels; c++) {
        if (!read_plane(l, c, t, out + c * plane, err)) return false;
    }
    if (l->statistics != NULL) latents_denormalize(l->statistics, out, plane);
    return true;
}

// Element `i` of a plane, named as the file's shape has it.
static bool not_finite(const struct latents *l, float x, uint64_t c, uint64_t t, uint64_t i,
                       struct error *err) {
    const char *what = isnan(x) ? "NaN" : x < 0 ? "-infinity" : "infinity";
    t += l->first_frame;
    return error_set(err, ERROR_INPUT, "%s: expected finite numbers, found %s at [%s%llu, %llu, %llu, %llu]",
                     l->path, what, l->rank == 5 ? "0, " : "", (ull)(l->frames_first ? t : c),
                     (ull)(l->frames_first ? c : t), (ull)(i / l->width), (ull)(i % l->width));
}

static bool check_plane(struct latents *l, uint64_t c, uint64_t t, float *plane, struct error *err) {
    if (!read_plane(l, c, t, plane, err)) return false;
    float sum = 0; // of zeros, unless something is not finite: a loop without branches
    uint64_t n = l->height * l->width;
    for (uint64_t i = 0; i < n; i++) sum += plane[i] * 0.0f;
    for (uint64_t i = 0; sum != 0 && i < n; i++) { // NaN compares unequal
        if (!isfinite(plane[i])) return not_finite(l, plane[i], c, t, i, err);
    }
    return true;
}

bool latents_check_finite(struct latents *l, struct error *err) {
    float *plane = malloc((size_t)(l->height * l->width) * sizeof *plane);
    if (plane == NULL) return error_set(err, ERROR_MEMORY, "%s: no memory for one plane", l->path);
    uint64_t outer = l->frames_first ? l->frames : l->channels; // in the order of the file
    uint64_t inner = l->frames_first ? l->channels : l->frames;
    bool ok = true;
    for (uint64_t i = 0; ok && i < outer * inner; i++) {
        uint64_t a = i / inner, b = i % inner;
        ok = check_plane(l, l->frames_first ? b : a, l->frames_first ? a : b, plane, err);
    }
    free(plane);
    return ok;
}
