// The files of taps: one .npy for each tensor of each step.
#include "tools/wanrun/taps.h"

#include "base/file.h"
#include "tools/latents/latents.h"
#include "tools/npy/header.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("_.-~", c) != NULL);
}

void tap_path(struct strbuf *out, const char *folder, uint64_t step, const char *name) {
    strbuf_printf(out, "%s/step%" PRIu64 "/", folder, step);
    for (; *name != 0; name++) strbuf_printf(out, is_plain(*name) ? "%c" : "%%%02X", (unsigned char)*name);
    strbuf_add(out, ".npy");
}

// ---- writing

static bool write_file(struct file_out *f, const struct wan_tensor *t, const float *values,
                       struct error *err) {
    _Static_assert(sizeof t->shape / sizeof t->shape[0] <= NPY_MAX_RANK, "the header has room");
    uint64_t shape[NPY_MAX_RANK];
    char header[NPY_HEADER_MAX];
    for (unsigned i = 0; i < t->rank; i++) shape[i] = t->shape[i];
    bool ok = file_write(f, header, npy_header(header, shape, t->rank), err) &&
              file_write(f, values, t->count * sizeof *values, err) && file_commit(f, err);
    if (!ok) file_discard(f);
    return ok;
}

bool tap_write(const char *folder, uint64_t step, const struct wan_tensor *tensor, const float *values,
               struct error *err) {
    struct strbuf path = {0};
    struct file_out f;
    tap_path(&path, folder, step, tensor->name);
    bool ok = file_create(&f, strbuf_text(&path), err) && write_file(&f, tensor, values, err);
    strbuf_free(&path);
    return ok;
}

// ---- reading

// Axes of 1 aside: PyTorch and an exporter may disagree about those.
static bool same_shape(const struct latents *l, const struct wan_tensor *t) {
    unsigned i = 0, k = 0;
    for (;; i++, k++) {
        while (i < l->rank && l->shape[i] == 1) i++;
        while (k < t->rank && t->shape[k] == 1) k++;
        if (i == l->rank || k == t->rank) return i == l->rank && k == t->rank;
        if (l->shape[i] != t->shape[k]) return false;
    }
}

static bool wrong_shape(const struct latents *l, const struct wan_tensor *t, struct error *err) {
    struct strbuf expected = {0}, found = {0};
    for (unsigned i = 0; i < t->rank; i++) strbuf_printf(&expected, "%s%u", i ? ", " : "", t->shape[i]);
    latents_print_shape(&found, l);
    error_set(err, ERROR_INPUT, "%s: expected [%s], found %s", l->path, strbuf_text(&expected),
              strbuf_text(&found));
    strbuf_free(&expected);
    strbuf_free(&found);
    return false;
}

static bool read_file(const char *path, const struct wan_tensor *t, float *values, struct error *err) {
    struct latents l;
    if (!latents_open_array(&l, path, err)) return false;
    bool ok =
        (same_shape(&l, t) || wrong_shape(&l, t, err)) && latents_read_numbers(&l, 0, t->count, values, err);
    latents_close(&l);
    return ok;
}

int tap_read(const char *folder, uint64_t step, const struct wan_tensor *tensor, float *values,
             struct error *err) {
    struct strbuf path = {0};
    tap_path(&path, folder, step, tensor->name);
    bool exists = access(strbuf_text(&path), F_OK) == 0;
    int result = !exists ? 0 : read_file(strbuf_text(&path), tensor, values, err) ? 1 : -1;
    strbuf_free(&path);
    return result;
}
