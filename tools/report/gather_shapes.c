// The shapes of a program, and what PyTorch's log would say of its causal convolutions.
//
// A causal convolution over time whose kernel has k taps keeps the last k - 1 frames that it was given. With f frames
// in a step and c frames in the cache, it puts k - 1 - c zero frames in front; then the cache holds min(k - 1, c + f).
// So frames that arrive one by one meet paddings of 2, 1 and 0 with caches of 0, 1 and 2 frames. The plan has other
// means to the same end (caches that begin as zeros, kernels without the taps that meet them); what follows derives
// the log from the frames that each step gives to the convolution, or to its cache where the step does not run it.
#include "tools/report/report.h"

#include "plan/check.h"

#include <string.h>

struct causal {
    struct report *r;
    const struct plan *p;
    const struct plan_program *g;
    struct report_program *out;
    bool *listed[PLAN_VARIANTS]; // operators that have a row
};

static const struct plan_op *op_of(const struct causal *c, enum plan_variant v, uint32_t i) {
    return &c->p->ops[c->g->variant[v].first_op + i];
}

// ---- what an operator does with caches

// The cache whose frames a convolution meets: its history, or one that was copied in front of its new frames.
static uint32_t cache_read_by(const struct causal *c, enum plan_variant v, uint32_t i) {
    const struct report_op *ops = c->out->variant[v].ops, *op = &ops[i];
    if (op->history != PLAN_NONE) return op->history;
    for (uint32_t k = 0; k < op->edge_count; k++) {
        if (op->edges[k].from == REPORT_FROM_CACHE) return op->edges[k].index;
        if (op->edges[k].from != REPORT_FROM_OP) continue;
        const struct report_op *source = &ops[op->edges[k].index];
        bool copies = op_of(c, v, op->edges[k].index)->kind == PLAN_OP_COPY;
        if (copies && source->edge_count == 1 && source->edges[0].from == REPORT_FROM_CACHE)
            return source->edges[0].index;
    }
    return PLAN_NONE;
}

// The frames that a step gives to a convolution.
static uint32_t new_frames(const struct causal *c, enum plan_variant v, uint32_t i) {
    return report_conv_frames(c->p, op_of(c, v, i));
}

static uint32_t lesser(uint64_t a, uint32_t b) { return a < b ? (uint32_t)a : b; }

// The frames that the first step copies to a cache, at most `most`.
static uint32_t copied_frames(const struct causal *c, uint32_t cache, uint32_t most) {
    const struct plan_cache *to = &c->p->caches[c->g->first_cache + cache];
    uint64_t frames = 0, image = (uint64_t)to->height * to->width * to->channels;
    for (uint32_t i = 0; i < c->out->variant[PLAN_FIRST].op_count; i++) {
        const struct report_op *op = &c->out->variant[PLAN_FIRST].ops[i];
        if (op->to != REPORT_TO_CACHE || op->to_index != cache) continue;
        const struct plan_view *v = &c->p->views[op_of(c, PLAN_FIRST, i)->out];
        frames += (uint64_t)v->frames * v->height * v->width * v->channels / image;
    }
    return lesser(frames, most);
}

// ---- the steps

// The frames that a cache holds after the first step.
static uint32_t kept_by_first(const struct causal *c, const struct report_causal *k) {
    uint32_t most = k->kernel_t - 1, op = k->op[PLAN_FIRST];
    if (k->cache == PLAN_NONE) return 0;
    if (op != PLAN_NONE && cache_read_by(c, PLAN_FIRST, op) == k->cache)
        return lesser(new_frames(c, PLAN_FIRST, op), most);
    return copied_frames(c, k->cache, most);
}

static void fill_steps(const struct causal *c, struct report_causal *k) {
    uint32_t most = k->kernel_t - 1, held = 0;
    k->step_count = c->out->has_steady ? REPORT_STEPS : 1;
    for (uint32_t s = 0; s < k->step_count; s++) {
        enum plan_variant v = s == 0 ? PLAN_FIRST : PLAN_STEADY;
        struct report_causal_step *step = &k->steps[s];
        step->runs = k->op[v] != PLAN_NONE;
        step->frames = step->runs ? new_frames(c, v, k->op[v]) : 0;
        step->cache = held;
        step->padding = step->runs ? most - held : 0;
        held = s == 0 ? kept_by_first(c, k) : lesser((uint64_t)held + step->frames, most);
    }
}

// ---- the convolutions

// The first step's convolution of the same weights.
static uint32_t partner(const struct causal *c, const struct plan_op *steady) {
    for (uint32_t i = 0; i < c->out->variant[PLAN_FIRST].op_count; i++) {
        const struct plan_op *op = op_of(c, PLAN_FIRST, i);
        if (op->kind == PLAN_OP_CONV && op->constant[0] == steady->constant[0] && !c->listed[PLAN_FIRST][i])
            return i;
    }
    return PLAN_NONE;
}

static void add_causal(const struct causal *c, enum plan_variant v, uint32_t i, uint32_t cache) {
    const struct plan_op *op = op_of(c, v, i);
    struct report_causal k = {.node = c->out->variant[v].ops[i].name,
                              .cache = cache,
                              .kernel_t = op->params.conv.kernel_t,
                              .op = {PLAN_NONE, PLAN_NONE}};
    k.op[v] = i;
    if (v == PLAN_STEADY) k.op[PLAN_FIRST] = partner(c, op);
    for (int w = 0; w < PLAN_VARIANTS; w++) {
        if (k.op[w] != PLAN_NONE) c->listed[w][k.op[w]] = true;
    }
    fill_steps(c, &k);
    c->out->causal[c->out->causal_count++] = k;
}

static void find_causal(const struct causal *c, enum plan_variant v) {
    for (uint32_t i = 0; i < c->out->variant[v].op_count; i++) {
        const struct plan_op *op = op_of(c, v, i);
        if (op->kind != PLAN_OP_CONV || op->params.conv.kernel_t < 2 || c->listed[v][i]) continue;
        uint32_t cache = cache_read_by(c, v, i);
        bool pads = v == PLAN_FIRST && op->params.conv.taps < op->params.conv.kernel_t;
        if (cache != PLAN_NONE || pads) add_causal(c, v, i, cache);
    }
}

static void gather_rows(struct report *r, const struct plan *p, const struct plan_program *g,
                        struct report_program *out) {
    out->shapes = arena_array(&r->arena, (size_t)g->shape_count + 1, sizeof *out->shapes);
    out->shape_count = g->shape_count;
    for (uint32_t i = 0; i < g->shape_count; i++) {
        const struct plan_shape *s = &p->shapes[g->first_shape + i];
        struct report_shape *row = &out->shapes[i];
        *row = (struct report_shape){
            .op = report_name(r, plan_string(p, s->op)),
            .node = report_name(r, plan_string(p, s->node)),
            .symbolic = report_name(r, plan_string(p, s->symbolic)),
            .in = {report_name(r, plan_string(p, s->first_in)), report_name(r, plan_string(p, s->steady_in))},
            .out = {report_name(r, plan_string(p, s->first)), report_name(r, plan_string(p, s->steady))},
            .cache = s->cache};
        for (uint32_t k = 0; k < out->causal_count && s->cache != PLAN_NONE; k++) {
            if (out->causal[k].cache == s->cache) row->causal = &out->causal[k];
        }
    }
}

void report_gather_shapes(struct report *r, const struct plan *p, const struct plan_program *g,
                          struct report_program *out) {
    struct causal c = {r, p, g, out, {NULL}};
    for (int v = 0; v < PLAN_VARIANTS; v++)
        c.listed[v] = arena_array(&r->arena, (size_t)g->variant[v].op_count + 1, sizeof **c.listed);
    out->causal = arena_array(&r->arena, (size_t)plan_program_ops(g) + 1, sizeof *out->causal);
    if (out->has_steady) find_causal(&c, PLAN_STEADY);
    find_causal(&c, PLAN_FIRST);
    gather_rows(r, p, g, out);
}
