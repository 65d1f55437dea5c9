#include "tools/output/output.h"

#include "base/strbuf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct output_format *const formats[] = {
    &output_video, &output_y4m, &output_npy, &output_png_sequence, &output_png_sheet,
};

enum { FORMATS = sizeof formats / sizeof formats[0], MAX_SIDE = 32768 };

const struct output_format *output_format_at(unsigned i) { return i < FORMATS ? formats[i] : NULL; }

// "%d", "%4d" or "%04d" at `at`: its length, and how it pads. 0 if there is none.
static size_t conversion(const char *at, bool *zeros, int *width) {
    const char *p = at + 1;
    *zeros = *p == '0';
    *width = 0;
    for (; *p >= '0' && *p <= '9' && p < at + 4; p++) *width = *width * 10 + (*p - '0');
    return *at == '%' && *p == 'd' ? (size_t)(p + 1 - at) : 0;
}

static const char *last_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

bool output_pattern(const char *path, uint64_t number, char *name, size_t size) {
    const char *percent = strchr(last_name(path), '%');
    bool zeros;
    int width;
    size_t n = percent == NULL ? 0 : conversion(percent, &zeros, &width);
    if (n == 0 || strchr(percent + n, '%') != NULL) return false;
    if (name == NULL) return true;
    int used = snprintf(name, size, zeros ? "%.*s%0*" PRIu64 "%s" : "%.*s%*" PRIu64 "%s",
                        (int)(percent - path), path, width, number, percent + n);
    return used >= 0 && (size_t)used < size;
}

static bool has_suffix(const char *path, const char *suffix) {
    size_t n = strlen(path), m = strlen(suffix);
    return n > m && path[n - m - 1] != '/' && strcasecmp(path + n - m, suffix) == 0;
}

static const struct output_format *format_of(const char *path) {
    if (strcmp(path, "-") == 0) return &output_y4m;
    bool pattern = has_suffix(path, output_png_sequence.suffix) && strchr(last_name(path), '%') != NULL;
    for (unsigned i = 0; i < FORMATS; i++) {
        if (has_suffix(path, formats[i]->suffix) && pattern == formats[i]->pattern) return formats[i];
    }
    return NULL;
}

bool output_check_path(const char *path, struct error *err) {
    const struct output_format *format = format_of(path);
    if (format != NULL && format->pattern && !output_pattern(path, 0, NULL, 0)) {
        return error_set(err, ERROR_USAGE, "%s: expected one number such as %%04d, as the name holds a %%",
                         path);
    }
    if (format != NULL) return true;
    struct strbuf known = {0};
    for (unsigned i = 0; i < FORMATS; i++) {
        if (!formats[i]->pattern) strbuf_printf(&known, "%s, ", formats[i]->suffix);
    }
    error_set(err, ERROR_USAGE,
              "%s: expected an output that ends in one of %s%%04d.png, or - for the standard output", path,
              strbuf_text(&known));
    strbuf_free(&known);
    return false;
}

// A rename onto a directory would only fail at the very end; other things than files would be replaced by
// one.
static bool check_target(const struct output *o, struct error *err) {
    struct stat st;
    bool is_file = strcmp(o->path, "-") != 0 && !o->format->pattern;
    if (!is_file || stat(o->path, &st) != 0 || S_ISREG(st.st_mode)) return true;
    return error_set(err, ERROR_IO, "%s: cannot write: %s", o->path,
                     S_ISDIR(st.st_mode) ? "it is a directory" : "it exists and is not a regular file");
}

static bool check_frames(const struct output *o, struct error *err) {
    const struct output_params *p = &o->params;
    if (!o->format->pictures) return true;
    if (p->channels != 3) {
        return error_set(err, ERROR_UNSUPPORTED,
                         "%s: expected a plan whose frames have 3 channels for %s, found %u "
                         "(.npy takes any number)",
                         o->path, o->format->suffix, p->channels);
    }
    if (p->width <= MAX_SIDE && p->height <= MAX_SIDE) return true;
    return error_set(err, ERROR_UNSUPPORTED, "%s: expected frames of at most %dx%d for %s, found %ux%u",
                     o->path, MAX_SIDE, MAX_SIDE, o->format->suffix, p->height, p->width);
}

bool output_open(struct output *o, const char *path, const struct output_params *params, struct error *err) {
    *o = (struct output){.path = path, .params = *params};
    if (!output_check_path(path, err)) return false;
    o->format = format_of(path);
    if (check_target(o, err) && check_frames(o, err) && o->format->open(o, err)) return true;
    output_abort(o);
    return false;
}

bool output_write(struct output *o, const float *frame, struct error *err) {
    if (o->written == o->params.frames) {
        return error_set(err, ERROR_INTERNAL, "%s: expected %" PRIu64 " frames, found more", o->path,
                         o->params.frames);
    }
    if (!o->format->write(o, frame, err)) return false;
    o->written++;
    return true;
}

bool output_finish(struct output *o, struct error *err) {
    if (o->written != o->params.frames && !o->format->complete_at_any_frame) {
        return error_set(err, ERROR_INTERNAL, "%s: expected %" PRIu64 " frames, found %" PRIu64, o->path,
                         o->params.frames, o->written);
    }
    return o->format->finish(o, err);
}

void output_abort(struct output *o) {
    if (o->format != NULL) o->format->abort(o);
    o->format = NULL;
}
