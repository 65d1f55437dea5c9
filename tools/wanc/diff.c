#include "tools/wanc/diff.h"

#include <math.h>
#include <string.h>

// What the rounding of an operator may be, as a part of its result: so many times what is to be expected of it. Convolutions state that
// (CHOICES). On the decoders of tests/data, and one of full width, results were at most 1.5 times what is expected.
enum { STATED_TIMES = 16 };
#define PLAIN_ERROR 3e-7  // of operators that state none
#define FRAMES_ERROR 1e-6 // of the last operators together, where they leave no tensor of the model
#define F16_ERROR 0x1p-11 // of caches: half a unit in the last place
#define BF16_ERROR 0x1p-8

// ---- the plan's side

void diff_observe(void *context, int steady, size_t index, uint64_t begin_ns, uint64_t end_ns,
                  uint64_t product_ns) {
    struct diff *d = context;
    struct diff_tensor t = {.tensor.size = sizeof t.tensor, .index = index};
    (void)begin_ns, (void)end_ns, (void)product_ns;
    if (wan_session_tensor(d->session, steady, index, &t.tensor, NULL) <= 0) return;
    t.values = arena_array(&d->arena, t.tensor.count, sizeof *t.values);
    wan_session_tensor(d->session, steady, index, &t.tensor, t.values);
    d->tensors = arena_grow(&d->arena, d->tensors, d->tensor_count, &d->tensor_capacity, sizeof *d->tensors);
    d->tensors[d->tensor_count++] = t;
}

static enum plan_variant variant_of(const struct diff *d) { return d->step == 0 ? PLAN_FIRST : PLAN_STEADY; }

static double stated_error(const struct diff *d, uint32_t op) {
    const struct plan *p = d->plan;
    for (uint32_t i = 0; i < p->choice_count; i++) {
        const struct plan_choice *c = &p->choices[i];
        if (c->op == op && c->algorithm == p->ops[op].params.conv.algorithm) return c->error;
    }
    return PLAIN_ERROR;
}

static double cache_error(const struct diff *d) {
    double error = 0;
    for (uint32_t i = 0; i < d->program->cache_count; i++) {
        uint32_t type = d->plan->caches[d->program->first_cache + i].type;
        error = fmax(error, type == PLAN_F16 ? F16_ERROR : type == PLAN_BF16 ? BF16_ERROR : 0);
    }
    return error;
}

static double allowed_error(const struct diff *d, size_t index) {
    uint32_t op = d->program->variant[variant_of(d)].first_op + (uint32_t)index;
    return STATED_TIMES * stated_error(d, op) + (d->plan->ops[op].kind == PLAN_OP_CONV ? cache_error(d) : 0);
}

// ---- the reference's side

static struct diff_tensor *find(struct diff *d, const char *name) {
    for (size_t i = 0; i < d->tensor_count; i++) {
        if (strcmp(d->tensors[i].tensor.name, name) == 0) return &d->tensors[i];
    }
    return NULL;
}

static bool same_shape(const struct wan_tensor *a, const struct ir_tensor *b) {
    bool same = (int)a->rank == b->rank;
    for (unsigned i = 0; same && i < a->rank; i++) same = a->shape[i] == b->dims[i];
    return same;
}

// From here on the reference goes on with the plan's numbers.
static void compare(struct diff_result *r, const float *found, struct ir_tensor *t) {
    double squares = 0, all = 0;
    for (size_t i = 0; i < t->count; i++) {
        double difference = fabs(found[i] - t->data[i]);
        if (!(difference <= r->largest)) r->largest = difference;
        squares += difference * difference;
        all += t->data[i] * t->data[i];
        t->data[i] = found[i];
    }
    r->error = squares == 0 ? 0 : sqrt(squares / all); // infinite where zeros are expected; NaN differs, too
}

static void take_result(struct diff *d, const struct diff_result *r) {
    d->compared++;
    if (r->error <= r->allowed) {
        if (r->error * d->worst.allowed >= d->worst.error * r->allowed) d->worst = *r;
        return;
    }
    if (d->differing < DIFF_LISTED) d->listed[d->differing] = *r;
    d->differing++;
}

static void watch(void *context, const struct ir_value *v, struct ir_tensor *t) {
    struct diff *d = context;
    struct diff_tensor *left = find(d, v->name);
    if (left == NULL || !same_shape(&left->tensor, t)) return;
    struct diff_result r = {.step = d->step,
                            .tensor = left->tensor,
                            .op.size = sizeof r.op,
                            .allowed = allowed_error(d, left->index)};
    left->known = true;
    wan_session_operator(d->session, d->step > 0, left->index, &r.op);
    compare(&r, left->values, t);
    take_result(d, &r);
}

// ---- frames: what comes behind the last tensor

// One frame, of channels, rows and columns, and the same of a result [1,C,F,H,W] or [1,F,C,H,W], or of fewer axes.
static void add_frame(const struct diff *d, const struct ir_tensor *t, const float *frame, uint32_t index,
                      double *squares, double *all) {
    const struct plan_program *g = d->program;
    size_t plane = (size_t)g->frame_height * g->frame_width, channels = g->frame_channels;
    size_t frames = g->variant[variant_of(d)].frames;
    bool channels_first = t->rank >= 4 && t->dims[t->rank - 4] == (int64_t)channels;
    for (size_t i = 0; i < channels * plane; i++) {
        size_t c = i / plane;
        size_t at = (channels_first ? c * frames + index : index * channels + c) * plane + i % plane;
        double difference = frame[i] - t->data[at];
        *squares += difference * difference;
        *all += t->data[at] * t->data[at];
    }
}

static bool compare_frames(struct diff *d, const struct ir_tensor *t, struct error *err) {
    const struct plan_program *g = d->program;
    const float *frame;
    double squares = 0, all = 0;
    struct diff_result r = {.step = d->step,
                            .tensor.name = "the frames",
                            .op = {.name = "the output", .kind = "copy", .algorithm = ""}};
    int64_t height = t->rank >= 2 ? t->dims[t->rank - 2] : 0, width = t->rank >= 2 ? t->dims[t->rank - 1] : 0;
    if (height != g->frame_height || width != g->frame_width ||
        t->count != g->variant[variant_of(d)].frames * plan_frame_floats(g))
        return error_set(err, ERROR_UNSUPPORTED,
                         "diff: the model's result is not frames of channels, rows and columns");
    for (uint32_t i = 0; (frame = wan_session_receive(d->session)) != NULL; i++)
        add_frame(d, t, frame, i, &squares, &all);
    r.error = squares == 0 ? 0 : sqrt(squares / all);
    r.allowed = STATED_TIMES * FRAMES_ERROR + cache_error(d);
    take_result(d, &r);
    return true;
}

// ---- a step

void diff_start(struct diff *d, const struct ir_module *m) {
    d->graphs[PLAN_FIRST] = ir_graph_find(m, "first");
    d->graphs[PLAN_STEADY] = ir_graph_find(m, "steady");
    ir_eval_start(&d->eval, m, 1);
    d->eval.watch = watch;
    d->eval.watch_context = d;
}

void diff_end(struct diff *d) {
    if (d->eval.module != NULL) ir_eval_end(&d->eval);
    arena_free(&d->arena);
}

// The latent frame in the model's axes, which are channels, rows and columns, and axes of 1.
static bool make_input(struct diff *d, const float *latent, struct ir_tensor *x, struct error *err) {
    const struct ir_graph *g = d->graphs[variant_of(d)];
    const struct plan_program *p = d->program;
    const int64_t expected[3] = {p->latent_channels, p->latent_height, p->latent_width};
    int64_t dims[IR_MAX_RANK];
    if (g == NULL || g->input_count != 1 || g->inputs[0]->type.rank < 3)
        return error_set(err, ERROR_UNSUPPORTED, "diff: the model has no such step of one latent");
    const struct ir_type *t = &g->inputs[0]->type;
    for (int i = 0; i < t->rank; i++) dims[i] = t->dims[i].first;
    *x = ir_tensor_new(&d->arena, t->rank, dims);
    if (memcmp(dims + t->rank - 2, expected + 1, 2 * sizeof *dims) != 0 || x->count != plan_latent_floats(p))
        return error_set(err, ERROR_UNSUPPORTED,
                         "diff: the model's latents are not channels, rows and columns of %ux%ux%u",
                         p->latent_channels, p->latent_height, p->latent_width);
    for (size_t i = 0; i < x->count; i++) x->data[i] = latent[i];
    return true;
}

static bool run_reference(struct diff *d, const float *latent, struct error *err) {
    const struct ir_graph *g = d->graphs[variant_of(d)];
    struct ir_tensor x, results[1];
    if (!make_input(d, latent, &x, err)) return false;
    if (ir_return_of(g)->input_count != 1)
        return error_set(err, ERROR_UNSUPPORTED, "diff: the model has several results");
    if (!ir_eval_run(&d->eval, g, &x, results, err) || !compare_frames(d, &results[0], err)) return false;
    for (size_t i = 0; i < d->tensor_count; i++) d->unknown += !d->tensors[i].known;
    return true;
}

bool diff_step(struct diff *d, const float *latent, struct error *err) {
    struct wan_error error = {0};
    d->tensors = NULL;
    d->tensor_count = d->tensor_capacity = 0;
    bool ok = wan_session_send(d->session, latent, &error) == WAN_OK ||
              error_set(err, ERROR_INPUT, "step %llu: %s", (unsigned long long)d->step, error.message);
    ok = ok && run_reference(d, latent, err);
    arena_free(&d->arena);
    d->step++;
    return ok;
}
