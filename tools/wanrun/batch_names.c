#define _GNU_SOURCE
#include "base/file.h"
#include "tools/output/output.h"
#include "tools/wanrun/batch.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_VIDEOS = 1 << 16 };

static bool out_of_memory(struct error *err) {
    return error_set(err, ERROR_MEMORY, "out of memory for the names of files");
}

static bool add(struct batch *b, const char *latents, struct error *err) {
    if (b->count == MAX_VIDEOS)
        return error_set(err, ERROR_USAGE, "%s: expected at most %d videos, found more", latents, MAX_VIDEOS);
    if (b->count == b->capacity) {
        size_t capacity = 2 * b->capacity + 8;
        struct batch_item *items = realloc(b->items, capacity * sizeof *items);
        if (items == NULL) return out_of_memory(err);
        b->items = items;
        b->capacity = capacity;
    }
    char *copy = strdup(latents);
    if (copy == NULL) return out_of_memory(err);
    b->items[b->count++] = (struct batch_item){.latents = copy};
    return true;
}

// ---- folders

static int is_latents(const struct dirent *e) {
    static const char *const suffixes[] = {".npy", ".npz", ".safetensors", ".pt", ".pth"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (file_has_suffix(e->d_name, suffixes[i])) return true;
    }
    return false;
}
static int is_visible(const struct dirent *e) { return e->d_name[0] != '.'; }
static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

// Raw numbers have no suffix of their own: then every file counts.
static bool add_folder(struct batch *b, const char *folder, bool is_raw, struct error *err) {
    struct dirent **entries;
    int count = scandir(folder, &entries, is_raw ? is_visible : is_latents, by_name);
    size_t before = b->count;
    bool ok = true;
    if (count < 0) return error_set(err, ERROR_IO, "%s: cannot list: %s", folder, strerror(errno));
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        if (ok && asprintf(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/",
                           entries[i]->d_name) < 0)
            path = NULL, ok = out_of_memory(err);
        if (ok && !file_is_folder(path)) ok = add(b, path, err);
        free(path);
        free(entries[i]);
    }
    free(entries);
    if (ok && b->count == before)
        return error_set(err, ERROR_INPUT,
                         "%s: expected .npy, .npz, .safetensors or .pt files in this folder, found none",
                         folder);
    return ok;
}

// ---- outputs

static const char *last_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

// The file's name without folder, suffix and key.
static int name_length(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot == NULL || dot == name ? (int)strlen(name) : (int)(dot - name);
}

// Where `%s` stands in the last part of a path, or NULL.
static const char *placeholder(const char *pattern) { return strstr(last_name(pattern), "%s"); }

static bool is_slashed(const char *path) { return path[0] != 0 && path[strlen(path) - 1] == '/'; }

static char *output_of(const char *latents, const char *pattern, const char *suffix) {
    const char *name = strcmp(latents, "-") == 0 ? "latents" : last_name(latents);
    const char *at = pattern != NULL ? placeholder(pattern) : NULL;
    int length = name_length(name), n;
    char *out;
    if (pattern == NULL || is_slashed(pattern))
        n = asprintf(&out, "%s%.*s%s", pattern != NULL ? pattern : "", length, name, suffix);
    else if (at != NULL) n = asprintf(&out, "%.*s%.*s%s", (int)(at - pattern), pattern, length, name, at + 2);
    else n = asprintf(&out, "%s", pattern);
    return n < 0 ? NULL : out;
}

static bool choose_outputs(struct batch *b, const struct arguments *a, struct error *err) {
    const struct decode_params *p = &a->decode;
    bool has_other =
        a->is_benchmark || p->verify.path != NULL || p->taps.reference != NULL || p->taps.folder != NULL;
    for (size_t i = 0; i < b->count && (p->output != NULL || !has_other); i++) {
        struct batch_item *item = &b->items[i];
        item->output = output_of(item->latents, p->output, output_default_suffix(&p->settings));
        if (item->output == NULL) return out_of_memory(err);
        if (!output_check_path(item->output, &p->settings, err)) return false;
    }
    return true;
}

static int by_output(const void *a, const void *b) {
    const struct batch_item *const *x = a, *const *y = b;
    return strcmp((*x)->output, (*y)->output);
}

static bool check_distinct(const struct batch *b, struct error *err) {
    const struct batch_item **sorted = calloc(b->count, sizeof *sorted);
    bool ok = sorted != NULL || out_of_memory(err);
    for (size_t i = 0; ok && i < b->count; i++) sorted[i] = &b->items[i];
    if (ok) qsort(sorted, b->count, sizeof *sorted, by_output);
    for (size_t i = 1; ok && i < b->count; i++) {
        if (strcmp(sorted[i - 1]->output, sorted[i]->output) == 0)
            ok = error_set(err, ERROR_USAGE, "%s: it would be written for %s and for %s", sorted[i]->output,
                           sorted[i - 1]->latents, sorted[i]->latents);
    }
    free(sorted);
    return ok;
}

// Files that exist and are both: only these can destroy an input before its turn.
static bool check_inputs(const struct batch *b, struct error *err) {
    struct stat st;
    for (size_t i = 0; i < b->count; i++) {
        if (stat(b->items[i].output, &st) != 0) continue;
        for (size_t k = 0; k < b->count; k++) {
            if (file_is_same(b->items[i].output, b->items[k].latents))
                return error_set(err, ERROR_USAGE, "%s: cannot write: it is also an input",
                                 b->items[i].output);
        }
    }
    return true;
}

// What one file, or one stream, can be asked for once only.
static bool check_several(const struct batch *b, const struct arguments *a, struct error *err) {
    const struct decode_params *p = &a->decode;
    const struct {
        bool given;
        const char *option;
    } single[] = {
        {a->is_benchmark, "--benchmark"},
        {p->verify.path != NULL || p->taps.reference != NULL, "--verify"},
        {p->taps.folder != NULL, "--dump-taps"},
        {p->save_state != NULL, "--save-state"},
        {p->load_state != NULL, "--load-state"},
        {p->profile_path != NULL, "--profile=FILE"},
        {p->trace_path != NULL, "--trace"},
        {p->output != NULL && strcmp(p->output, "-") == 0, "-o -"},
    };
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++) {
        if (single[i].given)
            return error_set(err, ERROR_USAGE, "%s: expected one file of latents, found %zu",
                             single[i].option, b->count);
    }
    if (p->output != NULL && !is_slashed(p->output) && placeholder(p->output) == NULL)
        return error_set(err, ERROR_USAGE,
                         "%s: expected a folder, FOLDER/, or a name with %%s for %zu videos", p->output,
                         b->count);
    return check_distinct(b, err) && check_inputs(b, err);
}

static bool fill(struct batch *b, const struct arguments *a, struct error *err) {
    for (size_t i = 0; i < a->latents_count; i++) {
        const char *path = a->latents[i];
        bool ok =
            file_is_folder(path) ? add_folder(b, path, a->decode.input.rank > 0, err) : add(b, path, err);
        if (!ok) return false;
    }
    return choose_outputs(b, a, err) && (b->count == 1 || check_several(b, a, err));
}

bool batch_names(struct batch *b, const struct arguments *a, struct error *err) {
    *b = (struct batch){0};
    if (fill(b, a, err)) return true;
    batch_free(b);
    return false;
}

void batch_free(struct batch *b) {
    for (size_t i = 0; i < b->count; i++) {
        free(b->items[i].latents);
        free(b->items[i].output);
    }
    free(b->items);
    *b = (struct batch){0};
}
