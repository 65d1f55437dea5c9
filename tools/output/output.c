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
    &output_mp4,         &output_mkv,          &output_webm,      &output_mov, &output_gif,
    &output_webp,        &output_y4m,          &output_rgb,       &output_f32, &output_npy,
    &output_safetensors, &output_png_sequence, &output_png_sheet,
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

static const char *name_of(const struct output_format *f) { return f->suffix + 1; }

static bool is_pipe(const char *path) { return strcmp(path, "-") == 0; }

static const struct output_format *find(const char *suffix_or_path, bool is_name, bool pattern) {
    for (unsigned i = 0; i < FORMATS; i++) {
        bool fits = is_name ? strcmp(suffix_or_path, name_of(formats[i])) == 0
                            : has_suffix(suffix_or_path, formats[i]->suffix);
        if (fits && pattern == formats[i]->pattern) return formats[i];
    }
    return NULL;
}

// By name, or else by suffix; a % makes a sequence of what can be one.
static const struct output_format *format_of(const char *path, const struct output_settings *s) {
    if (is_pipe(path) && s->format == NULL) return &output_y4m;
    const char *key = s->format != NULL ? s->format : path;
    const struct output_format *sequence = find(key, s->format != NULL, true);
    if (sequence != NULL && strchr(last_name(path), '%') != NULL) return sequence;
    return find(key, s->format != NULL, false);
}

static bool refuse_pipe(const struct output_format *format, struct error *err) {
    struct strbuf known = {0};
    for (unsigned i = 0; i < FORMATS; i++) {
        if (!formats[i]->seeks && !formats[i]->pattern)
            strbuf_printf(&known, "%s%s", known.size ? ", " : "", name_of(formats[i]));
    }
    error_set(err, ERROR_USAGE,
              "-o -: expected a format that can be written to a pipe: one of %s, found '%s'",
              strbuf_text(&known), name_of(format));
    strbuf_free(&known);
    return false;
}

static bool refuse_path(const char *path, struct error *err) {
    struct strbuf known = {0};
    for (unsigned i = 0; i < FORMATS; i++) {
        if (!formats[i]->pattern) strbuf_printf(&known, "%s, ", formats[i]->suffix);
    }
    error_set(
        err, ERROR_USAGE,
        "%s: expected an output that ends in one of %s%%04d.png, or - for the standard output, or --format",
        path, strbuf_text(&known));
    strbuf_free(&known);
    return false;
}

// What the format cannot heed is refused, not forgotten.
static bool check_settings(const struct output_format *f, const struct output_settings *s,
                           struct error *err) {
    const struct {
        bool refused;
        const char *option;
    } settings[] = {{s->codec != NULL && !f->has_codec, "--codec"},
                    {s->crf >= 0 && !f->has_codec, "--crf"},
                    {s->preset != NULL && !f->has_codec, "--preset"},
                    {s->pixel_format != NULL && !f->has_pixels, "--pix-fmt"}};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (settings[i].refused)
            return error_set(err, ERROR_USAGE, "%s: expected %s beside it, found %s", settings[i].option,
                             i < 3 ? ".mp4, .mkv, .webm or .mov" : ".mp4, .mkv, .webm, .mov or .y4m",
                             f->suffix);
    }
    return true;
}

bool output_check_path(const char *path, const struct output_settings *settings, struct error *err) {
    const struct output_format *format = format_of(path, settings);
    if (format == NULL) return refuse_path(path, err);
    if (format->pattern && !output_pattern(path, 0, NULL, 0))
        return error_set(err, ERROR_USAGE, "%s: expected one number such as %%04d, as the name holds a %%",
                         path);
    if (is_pipe(path) && format->seeks) return refuse_pipe(format, err);
    return check_settings(format, settings, err);
}

const char *output_default_suffix(const struct output_settings *settings) {
    const struct output_format *f = settings->format != NULL ? find(settings->format, true, false) : NULL;
    return f != NULL ? f->suffix : output_mp4.suffix;
}

// A rename onto a directory would only fail at the very end; other things than files would be replaced by
// one.
static bool check_target(const struct output *o, struct error *err) {
    struct stat st;
    bool is_file = !is_pipe(o->path) && !o->format->pattern;
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
    uint32_t most = o->format->max_side != 0 ? o->format->max_side : MAX_SIDE;
    if (p->width <= most && p->height <= most) return true;
    return error_set(err, ERROR_UNSUPPORTED, "%s: expected frames of at most %ux%u for %s, found %ux%u",
                     o->path, most, most, o->format->suffix, p->height, p->width);
}

bool output_open(struct output *o, const char *path, const struct output_params *params, struct error *err) {
    *o = (struct output){.path = path, .params = *params};
    if (!output_check_path(path, &params->settings, err)) return false;
    o->format = format_of(path, &params->settings);
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
