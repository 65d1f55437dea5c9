// Plans from compilations, once or as often as a limit of memory needs: compile.h, all of it.
#include "compiler/compile.h"

#include "base/cores.h"
#include "compiler/fit.h"
#include "compiler/tune.h"
#include "passes/emit.h"
#include "tools/measure/clock.h"

#include <string.h>

// Where the plan goes.
struct target {
    const char *path; // NULL: it is opened
    struct plan *plan;
};

// ---- one plan

// What is done with a plan before it is written.
static bool complete_plan(void *context, const struct plan *plan, struct plan_writer *w, struct error *err) {
    struct compilation *c = context;
    if (c->fit != NULL && !fit_check(c->fit, plan, err)) return false;
    return !c->o->prepack || prepack_add(&c->prepack, plan, w, err);
}

static bool write_plan(struct compilation *c, const struct target *to, struct error *err) {
    const struct emit_completion completion = {complete_plan, c};
    const struct emit_completion *used = c->fit != NULL || c->o->prepack ? &completion : NULL;
    return to->path != NULL ? emit_plan(c->modules, c->count, to->path, used, err)
                            : emit_plan_open(c->modules, c->count, used, to->plan, err);
}

static bool run(void *context, struct compilation *c, struct error *err) {
    return compilation_run(c, err) && write_plan(c, context, err);
}

static bool compile_once(const struct compile_options *o, struct fit *fit, const struct fit_setting *settings,
                         const struct target *to, struct error *err) {
    struct compilation c = {.o = o, .fit = fit, .settings = settings};
    return compilation_close(&c, compilation_guard(&c, run, (void *)to, err), err);
}

// ---- under a limit of memory

struct fitting {
    struct compile_options o; // of one size
    const struct target *to;
};

static bool compile_fit(void *context, struct fit *f, const struct fit_setting *setting, struct error *err) {
    const struct fitting *fitting = context;
    return compile_once(&fitting->o, f, setting, fitting->to, err);
}

// A size is a run of its own, and takes what is fastest for it.
static bool fit_size(const struct compile_options *o, int size, struct fit *fit, const struct target *to,
                     struct fit_setting *setting, double *slower, struct error *err) {
    const struct fit_setting asked = {.bands = o->bands, .conv = o->choice.conv};
    struct fitting fitting = {*o, to};
    struct fit_plan found;
    fitting.o.note = NULL;
    fitting.o.passes.print_after = NULL;
    fitting.o.passes.timings = false;
    fitting.o.sizes[0] = o->sizes[size];
    fitting.o.size_count = o->size_count > 0;
    if (fit_search(fit, &asked, compile_fit, &fitting, &found, slower, err)) {
        *setting = found.setting;
        return true;
    }
    if (o->size_count > 1 && (fit->seen || err->code == ERROR_UNSUPPORTED)) // else it is not of the size
        error_prefix(err, "latent size %dx%d", (int)o->sizes[size].height, (int)o->sizes[size].width);
    return false;
}

static bool compile_fitted(const struct compile_options *o, const struct target *to,
                           struct compile_outcome *outcome, struct error *err) {
    struct fit_setting settings[PLAN_MAX_PROGRAMS];
    struct fit fit = {.limit = o->max_memory, .threads = o->threads ? o->threads : cores_available()};
    outcome->fitted = o->size_count > 0 ? o->size_count : 1;
    outcome->threads = fit.threads;
    for (int i = 0; i < outcome->fitted; i++) {
        if (!fit_size(o, i, &fit, to, &settings[i], &outcome->slower[i], err)) return false;
    }
    fit.write = true;
    if (o->choice.measure == tune_measure) tune_restart(o->choice.context);
    bool ok = compile_once(o, &fit, settings, to, err);
    memcpy(outcome->peak, fit.peaks, sizeof outcome->peak); // of the one plan for all sizes
    return ok;
}

static bool compile(const struct compile_options *o, const struct target *to, struct compile_outcome *outcome,
                    struct error *err) {
    if (o->max_memory == 0) return compile_once(o, NULL, NULL, to, err);
    if (o->tune && o->timing_cache == NULL)
        return error_set(err, ERROR_USAGE, "--max-memory with --tune: needs --timing-cache, to measure once");
    return compile_fitted(o, to, outcome, err);
}

// ---- measured times

static bool open_tune(const struct compile_options *o, struct tune *t, struct error *err) {
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

static bool close_tune(struct tune *t, bool ok, struct compile_outcome *outcome, struct error *err) {
    ok = ok && (t->cache == NULL || timing_cache_save(t->cache, err));
    outcome->timed = true;
    outcome->measured = t->measured;
    outcome->cached = t->cached > t->before ? t->cached - t->before : 0;
    outcome->modelled = t->modelled;
    outcome->seconds = t->spent;
    timing_cache_close(t->cache);
    return ok;
}

static bool compile_to(const struct compile_options *o, const struct target *to,
                       struct compile_outcome *outcome, struct error *err) {
    struct compile_options tuned = *o;
    struct tune tune;
    *outcome = (struct compile_outcome){0};
    if (!o->tune && o->timing_cache == NULL) return compile(o, to, outcome, err);
    tuned.choice.measure = tune_measure;
    tuned.choice.context = &tune;
    return open_tune(o, &tune, err) && close_tune(&tune, compile(&tuned, to, outcome, err), outcome, err);
}

bool compile_to_file(const struct compile_options *o, const char *path, struct compile_outcome *outcome,
                     struct error *err) {
    return compile_to(o, &(struct target){.path = path}, outcome, err);
}

bool compile_to_plan(const struct compile_options *o, struct plan *plan, struct compile_outcome *outcome,
                     struct error *err) {
    *plan = (struct plan){0};
    if (compile_to(o, &(struct target){.plan = plan}, outcome, err)) return true;
    plan_close(plan); // it was complete, and the timing cache could not be written
    return false;
}
