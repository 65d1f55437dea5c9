// wanc compile, and the opening and importing of ONNX files that it shares with wanc inspect.
#include "base/cores.h"
#include "base/strbuf.h"
#include "frontend/forms.h"
#include "ir/canonical.h"
#include "passes/emit.h"
#include "tools/measure/clock.h"
#include "tools/measure/conv.h"
#include "tools/wanc/fit.h"
#include "tools/wanc/prepack.h"
#include "tools/wanc/tune.h"
#include "tools/wanc/wanc.h"

#include <stdio.h>
#include <string.h>

void close_models(struct models *models) {
    while (models->count > 0) onnx_model_close(models->open[--models->count]);
}

bool open_models(const struct wanc_options *o, struct models *models, struct error *err) {
    for (int i = 0; i < o->file_count; i++) {
        models->open[i] = onnx_model_open(o->files[i], NULL, err);
        if (models->open[i] == NULL) return false;
        models->count++;
    }
    return true;
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

struct ir_module *import(const struct wanc_options *o, const struct models *models, struct latent_size size,
                         struct error *err) {
    struct import_options options = {.latent_height = size.height, .latent_width = size.width};
    struct ir_module *m = ir_module_new();
    m->choice = conv_choice_new(&m->arena, &o->choice);
    m->model_name = arena_strdup(&m->arena, file_name(o->files[0]));
    m->cache_dtype = o->cache_dtype;
    m->bands = o->keep_taps ? IR_BANDS_NONE : o->bands;
    m->threads = o->threads;
    const struct onnx_model *const list[] = {models->open[0], models->open[1]};
    if (import_decoder(m, list, models->count, o->first_as_is, &options, err)) return m;
    ir_module_free(m);
    return NULL;
}

// ---- compile: one module for each latent size, all from the same open files

struct compilation {
    const struct wanc_options *o;
    struct fit *fit; // NULL: no limit of memory
    struct prepack prepack;
    struct models models;
    struct ir_module *modules[PLAN_MAX_PROGRAMS];
    int count;
};

static bool has_line(const struct ir_module *m, const char *line, size_t length) {
    for (const char *at = strbuf_text(&m->notes); *at != 0; at += strcspn(at, "\n") + 1) {
        if (strncmp(at, line, length) == 0) return true;
    }
    return false;
}

// What the modules before it have not said yet.
static void print_notes(const struct compilation *c, int index, FILE *out) {
    for (const char *line = strbuf_text(&c->modules[index]->notes); *line != 0;) {
        size_t length = strcspn(line, "\n") + 1; // every note ends its line
        bool said = false;
        for (int i = 0; i < index && !said; i++) said = has_line(c->modules[i], line, length);
        if (!said) fwrite(line, 1, length, out);
        line += length;
    }
}

// Which size the text behind it is of, where there are several.
static const char *size_comment(const struct wanc_options *o, int index, char text[64]) {
    text[0] = 0;
    if (o->size_count > 1)
        snprintf(text, 64, "# latent size %dx%d\n", (int)o->sizes[index].height, (int)o->sizes[index].width);
    return text;
}

static bool write_modules(const struct compilation *c, struct error *err) {
    struct strbuf text = {0};
    char comment[64];
    for (int i = 0; i < c->count; i++) {
        strbuf_add(&text, size_comment(c->o, i, comment));
        if (c->o->canonical) ir_canonical(c->modules[i]);
        ir_print(c->modules[i], &text);
    }
    bool ok = write_text(c->o, strbuf_text(&text), err);
    strbuf_free(&text);
    return ok;
}

static bool compile_size(struct compilation *c, int index, struct error *err) {
    const struct wanc_options *o = c->o;
    char comment[64];
    struct ir_module *m = import(o, &c->models, o->sizes[index], err);
    if (m == NULL) return false;
    c->modules[c->count++] = m;
    if (o->passes.print_after != NULL || o->passes.timings)
        fputs(size_comment(o, index, comment), o->passes.out);
    if (!pass_run_all(&c->modules[index], &o->passes, err)) return false;
    if (!o->quiet) print_notes(c, index, stderr);
    return true;
}

static bool names_the_file(const struct wanc_options *o, const struct error *err) {
    return strncmp(err->message, o->files[0], strlen(o->files[0])) == 0;
}

static bool compile_sizes(struct compilation *c, struct error *err) {
    const struct wanc_options *o = c->o;
    for (int i = 0; i == 0 || i < o->size_count; i++) { // none given: the model's own
        if (compile_size(c, i, err)) continue;
        if (o->size_count > 1 && !names_the_file(o, err))
            error_prefix(err, "latent size %dx%d", (int)o->sizes[i].height, (int)o->sizes[i].width);
        return false;
    }
    return true;
}

// What is done with a plan before it is written.
static bool complete_plan(void *context, const struct plan *plan, struct plan_writer *w, struct error *err) {
    struct compilation *c = context;
    if (c->fit != NULL && !fit_check(c->fit, plan, err)) return false;
    bool prepack = c->o->prepack && (c->fit == NULL || c->fit->last);
    return !prepack || prepack_add(&c->prepack, plan, w, err);
}

static bool write_plan(struct compilation *c, struct error *err) {
    const struct emit_completion completion = {complete_plan, c};
    bool complete = c->fit != NULL || c->o->prepack;
    return emit_plan(c->modules, c->count, c->o->output, complete ? &completion : NULL, err);
}

// Frees all of it; the error says of which file it is.
static bool finish(struct compilation *c, bool ok, struct error *err) {
    const struct wanc_options *o = c->o;
    if (!ok && !names_the_file(o, err) && err->code != ERROR_USAGE && err->code != ERROR_IO) {
        error_prefix(err, "%s", o->files[0]);
    }
    prepack_free(&c->prepack);
    for (int i = 0; i < c->count; i++) ir_module_free(c->modules[i]);
    close_models(&c->models);
    return ok;
}

static bool compile_once(const struct wanc_options *o, struct fit *fit, struct error *err) {
    struct compilation c = {.o = o, .fit = fit};
    bool ok = open_models(o, &c.models, err) && compile_sizes(&c, err);
    if (ok && o->passes.stop_after != NULL) ok = write_modules(&c, err);
    else if (ok) ok = write_plan(&c, err);
    return finish(&c, ok, err);
}

bool compile_in_memory(const struct wanc_options *o, struct plan *plan, struct error *err) {
    struct compilation c = {.o = o};
    bool ok = open_models(o, &c.models, err) && compile_sizes(&c, err) &&
              emit_plan_open(c.modules, c.count, plan, err);
    return finish(&c, ok, err);
}

// ---- under a limit of memory

static bool compile_fit(void *context, struct fit *f, struct error *err) {
    struct wanc_options o = *(const struct wanc_options *)context;
    o.bands = f->bands;
    o.choice.byte_price = f->byte_price;
    o.quiet = o.quiet || !f->last;
    return compile_once(&o, f, err);
}

static bool compile(const struct wanc_options *o, struct error *err) {
    struct wanc_options options = *o;
    struct fit fit = {.limit = o->max_memory, .threads = o->threads ? o->threads : cores_available()};
    double cost;
    char limit[32], peak[32];
    if (o->output == NULL && o->passes.stop_after == NULL)
        return error_set(err, ERROR_USAGE, "compile: -o PLAN is missing");
    if (o->keep_taps && (o->max_memory != 0 || o->bands == IR_BANDS_LEAST))
        return error_set(err, ERROR_USAGE,
                         "--keep-taps: allows no bands, which --max-memory and --bands=least ask for");
    if (o->max_memory == 0 || o->passes.stop_after != NULL) return compile_once(o, NULL, err);
    if (o->tune && o->timing_cache == NULL)
        return error_set(err, ERROR_USAGE, "--max-memory with --tune: needs --timing-cache, to measure once");
    if (!fit_search(&fit, compile_fit, &options, &cost, err)) return false;
    if (o->quiet) return true;
    fprintf(stderr, "wanc: %s of %s to expect, with %u threads; ", format_bytes(peak, fit.peak),
            format_bytes(limit, fit.limit), fit.threads);
    fprintf(stderr, "convolutions take %.2f times as long as without the limit\n", cost);
    return true;
}

// ---- measured times

static bool open_tune(const struct wanc_options *o, struct tune *t, struct error *err) {
    struct timing_key key;
    *t = (struct tune){.budget = o->tune ? o->tune_seconds : 0,
                       .threads = o->threads ? o->threads : cores_available(),
                       .run = tune_run_here,
                       .clock = measure_now,
                       .context = t};
    if (o->timing_cache == NULL) return true;
    if (!timing_key_here(&key, t->threads, err)) return false;
    t->cache = timing_cache_open(o->timing_cache, &key, err);
    return t->cache != NULL;
}

static bool close_tune(const struct wanc_options *o, struct tune *t, bool ok, struct error *err) {
    ok = ok && (t->cache == NULL || timing_cache_save(t->cache, err));
    if (ok && !o->quiet)
        fprintf(stderr,
                "wanc: times of %u shapes of convolutions measured in %.1f s, of %u from the timing cache, "
                "of %u by the model\n",
                t->measured, t->spent, t->cached, t->modelled);
    timing_cache_close(t->cache);
    return ok;
}

bool wanc_compile(const struct wanc_options *o, struct error *err) {
    struct wanc_options tuned = *o;
    struct tune tune;
    if (!o->tune && o->timing_cache == NULL) return compile(o, err);
    tuned.choice.measure = tune_measure;
    tuned.choice.context = &tune;
    return open_tune(o, &tune, err) && close_tune(o, &tune, compile(&tuned, err), err);
}
