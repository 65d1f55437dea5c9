#include "plan/work.h"

#include "plan/check.h"
#include "plan/winograd.h"

static double elements(const struct plan_view *v) {
    return v == NULL ? 0 : (double)v->frames * v->height * v->width * v->channels;
}

// Tiles that are computed: whole blocks, also at the edges.
static double winograd_flops(const struct plan_conv *p, const struct plan_view *in,
                             const struct plan_view *out, uint32_t threads) {
    struct plan_winograd g = plan_winograd(p, in, out, out->height, threads);
    uint64_t high = (g.tiles_high + g.block_high - 1) / g.block_high,
             wide = (g.tiles_wide + g.block_wide - 1) / g.block_wide;
    double rows = (double)(high * wide * g.block) * (double)g.rows_out;
    return 2 * (double)g.elements * rows * (double)g.depth * (double)g.columns;
}

static void conv_work(const struct plan *plan, const struct plan_op *op, uint32_t threads,
                      struct plan_work *w) {
    const struct plan_conv *p = &op->params.conv;
    const struct plan_view *in = &plan->views[op->in[0]], *out = &plan->views[op->out];
    w->flops = 2 * elements(out) * p->taps * p->kernel_h * p->kernel_w * in->channels;
    w->product_flops = p->algorithm == PLAN_CONV_DIRECT ? w->flops : winograd_flops(p, in, out, threads);
    if (op->in[PLAN_CONV_HISTORY] != PLAN_NONE) // read, and written for the next step
        w->bytes += sizeof(float) * elements(&plan->views[op->in[PLAN_CONV_HISTORY]]);
}

static void attention_work(const struct plan *plan, const struct plan_op *op, struct plan_work *w) {
    const struct plan_view *out = &plan->views[op->out];
    double positions = (double)out->height * out->width;
    w->flops = w->product_flops = 4 * out->frames * positions * positions * out->channels;
}

struct plan_work plan_work(const struct plan *plan, const struct plan_op *op, uint32_t threads) {
    struct plan_work w = {0};
    for (int i = 0; i < 3; i++) {
        w.bytes += sizeof(float) * elements(plan_get_view(plan, op->in[i]));
        if (op->constant[i] != PLAN_NONE) w.bytes += (double)plan->constants[op->constant[i]].bytes;
    }
    w.bytes += sizeof(float) * elements(plan_get_view(plan, op->out));
    if (op->kind == PLAN_OP_CONV) conv_work(plan, op, threads, &w);
    if (op->kind == PLAN_OP_ATTENTION) attention_work(plan, op, &w);
    return w;
}
