// The command wanc diff: its files, its latents, and what it prints.
#include "base/file.h"
#include "base/size.h"
#include "tools/latents/latents.h"
#include "tools/wanc/diff.h"
#include "tools/wanc/wanc.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { DEFAULT_STEPS = 3 }; // empty caches, written once, and renewed
// Operations of all steps by the formulas: the reference does about 0.2e9 in a second, on one core.
#define MAX_FLOPS 5e11

struct command {
    struct wanc_options o; // whose files are the model's
    const char *plan_path, *latents_path;
    struct plan plan;
    struct wan_plan *wan;
    struct compile_options options;
    struct compilation compilation; // of the model, up to the two variants
    struct latents latents;
    uint64_t steps;
    float *latent;
    struct diff diff;
};

// ---- opening

// PLAN MODEL.onnx [STEADY.onnx] [LATENTS]: what does not end in .onnx is latents.
static bool take_files(struct command *c, const struct wanc_options *o, struct error *err) {
    int count = o->file_count;
    c->o = *o;
    c->plan_path = o->files[0];
    if (!file_has_suffix(o->files[count - 1], ".onnx")) c->latents_path = o->files[--count];
    c->o.file_count = count - 1;
    for (int i = 1; i < count; i++) c->o.files[i - 1] = o->files[i];
    return (count >= 2 && count <= 3) ||
           error_set(err, ERROR_USAGE,
                     "diff: expected PLAN MODEL.onnx [STEADY.onnx] [LATENTS], found %d models", count - 1);
}

static bool choose_program(struct command *c, struct error *err) {
    const struct plan_program *g = c->plan.programs;
    uint64_t height = (uint64_t)c->o.compile.sizes[0].height, width = (uint64_t)c->o.compile.sizes[0].width;
    if (c->latents_path != NULL) height = c->latents.height, width = c->latents.width;
    if (c->latents_path != NULL || c->o.compile.size_count > 0)
        g = plan_find_program(&c->plan, height, width);
    c->diff.program = g;
    if (g != NULL && (c->latents_path == NULL || c->latents.channels == g->latent_channels)) return true;
    return error_set(err, ERROR_INPUT, "%s: the plan decodes no latents of %" PRIu64 "x%" PRIu64,
                     c->plan_path, height, width);
}

static bool choose_steps(struct command *c, struct error *err) {
    uint64_t most = c->latents_path ? c->latents.frames : UINT64_MAX;
    c->steps = c->o.steps ? c->o.steps : DEFAULT_STEPS;
    if (c->steps > most) c->steps = most;
    if (!plan_has_steady(c->diff.program)) c->steps = 1;
    c->latent = malloc(plan_latent_floats(c->diff.program) * sizeof *c->latent);
    return c->latent != NULL || error_set(err, ERROR_MEMORY, "%s: no memory for a latent", c->plan_path);
}

static bool open_plan(struct command *c, struct error *err) {
    if (!plan_open(&c->plan, c->plan_path, err)) return false;
    c->diff.plan = &c->plan;
    if (c->latents_path != NULL &&
        !latents_open(&c->latents, c->latents_path, c->plan.programs[0].latent_channels, NULL, err))
        return false;
    return choose_program(c, err) && choose_steps(c, err);
}

// As imported, and in the two variants; none of the passes behind that.
static bool open_model(struct command *c, struct error *err) {
    c->options.sizes[0] = (struct latent_size){c->diff.program->latent_height, c->diff.program->latent_width};
    c->options.size_count = 1;
    c->options.passes = (struct pass_options){.stop_after = "specialise"};
    c->options.note = NULL;
    return compilation_run(&c->compilation, err) || compilation_failed(&c->compilation, err);
}

// The reference keeps the results of a step, in doubles, and caches, and works on copies of some.
static void limit_reference(struct command *c) {
    enum { TIMES = 16 };
    const struct ir_effect *e = c->compilation.modules[0]->last_effect;
    uint64_t bytes = e->value_bytes[PLAN_FIRST] + e->value_bytes[PLAN_STEADY]; // each at most PLAN_MAX_COUNT
    if (bytes > PLAN_MAX_BYTES) bytes = PLAN_MAX_BYTES;
    if (c->options.limit_memory == 0) c->compilation.scope.limit += TIMES * bytes;
}

static bool check_work(const struct command *c, struct error *err) {
    const struct ir_effect *e = c->compilation.modules[0]->last_effect;
    double flops = (double)e->flops[PLAN_FIRST] + (double)(c->steps - 1) * (double)e->flops[PLAN_STEADY];
    return flops <= MAX_FLOPS || error_set(err, ERROR_UNSUPPORTED,
                                           "diff: %.3g operations in %" PRIu64
                                           " steps, the limit is %.0e: about 40 minutes. Take smaller "
                                           "latents: compile a plan with --latent-size 4x4",
                                           flops, c->steps, MAX_FLOPS);
}

static bool open_session(struct command *c, struct error *err) {
    struct wan_error error = {0};
    struct wan_session_params params = {.size = sizeof params,
                                        .threads = c->o.compile.threads,
                                        .latent_height = c->diff.program->latent_height,
                                        .latent_width = c->diff.program->latent_width,
                                        .all_frames = 1,
                                        .observer = diff_observe,
                                        .observer_context = &c->diff};
    c->wan = wan_plan_open(c->plan_path, NULL, &error);
    c->diff.session = c->wan ? wan_session_new(c->wan, &params, &error) : NULL;
    return c->diff.session != NULL ||
           error_set(err, ERROR_UNSUPPORTED, "%s: %s", c->plan_path, error.message);
}

static bool check_bands(const struct command *c, struct error *err) {
    const struct plan_program *g = c->diff.program;
    return (g->variant[PLAN_FIRST].band_count == 0 && g->variant[PLAN_STEADY].band_count == 0) ||
           error_set(err, ERROR_UNSUPPORTED,
                     "%s: works on bands of images, which hold no whole tensors: compile it with --keep-taps",
                     c->plan_path);
}

// ---- latents

// Uniform in [-2, 2], always the same.
WRAPS static void random_latent(struct command *c, uint64_t step) {
    uint64_t state = 0x9e3779b97f4a7c15u * (step + 1);
    for (uint64_t i = 0; i < plan_latent_floats(c->diff.program); i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        c->latent[i] = (float)((double)(state >> 40) / (double)(1 << 22) - 2);
    }
}

static bool run_steps(struct command *c, struct error *err) {
    diff_start(&c->diff, c->compilation.modules[0]);
    for (uint64_t t = 0; t < c->steps; t++) {
        if (c->latents_path == NULL) random_latent(c, t);
        else if (!latents_read_frame(&c->latents, t, c->latent, err)) return false;
        if (!diff_step(&c->diff, c->latent, err)) return error_prefix(err, "%s", c->plan_path);
    }
    return true;
}

// ---- what was found

static void print_result(const char *what, const struct diff_result *r) {
    printf("%s: step %" PRIu64
           ", %s, left by %s (%s%s%s): RMS error %.2e of its RMS, allowed %.2e; largest %.2e\n",
           what, r->step, r->tensor.name, r->op.name, r->op.kind, r->op.algorithm[0] ? " " : "",
           r->op.algorithm, r->error, r->allowed, r->largest);
}

static void print(const struct command *c) {
    const struct diff *d = &c->diff;
    printf("%" PRIu64 " steps: %" PRIu64 " results of operators compared, %" PRIu64
           " not in the model as imported, %" PRIu64 " differ\n",
           c->steps, d->compared, d->unknown, d->differing);
    for (uint64_t i = 0; i < d->differing && i < DIFF_LISTED; i++) print_result("differs", &d->listed[i]);
    if (d->differing < d->compared) print_result("worst that agrees", &d->worst);
}

static bool judge(const struct command *c, struct error *err) {
    const struct diff *d = &c->diff;
    const struct diff_result *r = &d->listed[0];
    if (d->compared == c->steps) // the frames alone
        return error_set(err, ERROR_INPUT,
                         "%s: no operator leaves a tensor of %s: the plan of another model?", c->plan_path,
                         c->o.files[0]);
    if (d->differing > 0)
        return error_set(err, ERROR_INPUT,
                         "%s: step %" PRIu64
                         ": operator %s (%s) is the first whose result, %s, differs from the model: by %.3g "
                         "of its RMS, allowed %.3g",
                         c->plan_path, r->step, r->op.name, r->op.kind, r->tensor.name, r->error, r->allowed);
    return true;
}

static void close_all(struct command *c) {
    diff_end(&c->diff);
    wan_session_free(c->diff.session);
    wan_plan_close(c->wan);
    if (c->plan.header != NULL) plan_close(&c->plan);
    latents_close(&c->latents);
    compilation_close(&c->compilation, true, NULL);
    free(c->latent);
}

static bool compare(void *context, struct compilation *unused, struct error *err) {
    struct command *c = context;
    (void)unused; // it is the command's
    if (!open_plan(c, err) || !check_bands(c, err) || !open_model(c, err) || !check_work(c, err))
        return false;
    limit_reference(c);
    return open_session(c, err) && run_steps(c, err);
}

bool wanc_diff(const struct wanc_options *o, struct error *err) {
    struct command c = {0};
    if (!take_files(&c, o, err)) return false;
    c.options = compile_options_of(&c.o);
    c.compilation.o = &c.options;
    bool ok = compilation_guard(&c.compilation, compare, &c, err);
    if (ok) print(&c);
    ok = ok && judge(&c, err);
    close_all(&c);
    return ok;
}
