// Counting. A graph @first or @steady is one of a step. Any other is of all steps at once, and its lengths are pairs
// first|steady (ir/dim.h): the first step has the first part of each length in time, a later step the other.
#include "passes/pass_effect.h"

#include "plan/plan.h"

#include <string.h>

static int64_t extent(const struct ir_type *t, int axis, int step) {
    const struct ir_dim *d = &t->dims[axis];
    if (step == EFFECT_FIRST) return d->first;
    return axis == t->time_axis || d->steady != 0 ? d->steady : d->first;
}

// -1: not known yet, or not a length.
static double elements(const struct ir_type *t, int step) {
    double count = 1;
    if (t->rank < 0) return -1;
    for (int i = 0; i < t->rank; i++) count *= (double)extent(t, i, step);
    return count < 0 ? -1 : count;
}

static double known(double n) { return n < 0 ? 0 : n; }

// ---- operations

// Each output is a sum over the kernel's elements and the input channels; `taps` of a kernel of frames do work.
static double conv_flops(const struct ir_node *n, int step) {
    const struct ir_type *w = &ir_in(n, 1)->type;
    double weights = elements(w, EFFECT_FIRST), outputs = w->rank > 0 ? (double)w->dims[0].first : 0;
    if (weights <= 0 || outputs <= 0) return 0;
    bool frames = n->op == IR_FRAME_CONV || n->op == IR_STREAM_CONV;
    int64_t kernel = w->rank == 5 ? w->dims[2].first : 1;
    int64_t taps = ir_attr_int(n, IR_KEY_TAPS, frames ? 1 : kernel);
    return 2 * known(elements(&ir_out(n)->type, step)) * weights / outputs * (double)taps / (double)kernel;
}

// Two products: of each row of q with all of k, and of these with v.
static double attention_flops(const struct ir_node *n, int step) {
    const struct ir_type *k = &ir_in(n, 1)->type;
    if (k->rank < 2) return 0;
    return 4 * known(elements(&ir_out(n)->type, step)) * (double)extent(k, k->rank - 2, step);
}

static double matmul_flops(const struct ir_node *n, int step) {
    const struct ir_type *a = &ir_in(n, 0)->type;
    if (a->rank < 1) return 0;
    return 2 * known(elements(&ir_out(n)->type, step)) * (double)extent(a, a->rank - 1, step);
}

double pass_effect_flops(const struct ir_node *n, int step) {
    switch (n->op) {
    case IR_ONNX_CONV:
    case IR_CONV:
    case IR_CAUSAL_CONV:
    case IR_FRAME_CONV:
    case IR_STREAM_CONV: return conv_flops(n, step);
    case IR_ONNX_ATTENTION:
    case IR_ATTENTION:
    case IR_FRAME_ATTENTION: return attention_flops(n, step);
    case IR_MATMUL: return matmul_flops(n, step);
    default: return 0;
    }
}

// ---- graphs

struct count {
    uint32_t nodes;
    double bytes, flops;
};

static void count_block(const struct ir_block *b, int step, struct count *c) {
    for (const struct ir_node *n = b->head; n != NULL; n = n->next) {
        c->nodes += n->op != IR_RETURN;
        c->flops += pass_effect_flops(n, step);
        for (int i = 0; i < n->output_count; i++) {
            const struct ir_type *t = &n->outputs[i]->type;
            c->bytes += known(elements(t, step)) * (double)ir_dtype_size(t->dtype);
        }
        for (int i = 0; i < 2 && n->blocks[i] != NULL; i++) count_block(n->blocks[i], step, c);
    }
}

static bool has_step(const struct ir_graph *g, int step) {
    bool first = strcmp(g->name, "first") == 0, steady = strcmp(g->name, "steady") == 0;
    return first ? step == EFFECT_FIRST : !steady || step == EFFECT_STEADY;
}

static uint64_t limited(double n) { return n < (double)PLAN_MAX_COUNT ? (uint64_t)n : PLAN_MAX_COUNT; }

void pass_effect_record(struct ir_module *m, const char *pass, bool changed) {
    struct ir_effect *e = arena_alloc(&m->arena, sizeof *e);
    *e = (struct ir_effect){.pass = pass, .changed = changed};
    for (int step = 0; step < EFFECT_STEPS; step++) {
        struct count c = {0};
        for (const struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
            if (has_step(g, step)) count_block(&g->body, step, &c);
        }
        e->nodes[step] = c.nodes;
        e->value_bytes[step] = limited(c.bytes);
        e->flops[step] = limited(c.flops);
    }
    if (m->last_effect == NULL) m->effects = e;
    else m->last_effect->next = e;
    m->last_effect = e;
}
