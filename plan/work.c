#include "plan/work.h"

#include "plan/check.h"
#include "plan/winograd.h"

static double elements(const struct plan_view *v) {
    return (double)v->frames * v->height * v->width * v->channels;
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

static double number_bytes(const struct plan *plan, const struct plan_program *program,
                           const struct plan_view *v) {
    const struct plan_cache *cache = plan_view_cache(plan, program, v);
    return cache == NULL ? sizeof(float) : (double)plan_cache_number_bytes(cache->type);
}

// Of a history, the frames that are read, and the last ones of the window, which are written.
static double history_frames(const struct plan_view *history, uint32_t taps, uint32_t fresh) {
    uint32_t old = taps - 1, window = old + fresh;
    return old + (window < history->frames ? window : history->frames);
}

// The bytes of one of the views that an operator reads.
static double input_bytes(const struct plan *plan, const struct plan_program *program,
                          const struct plan_op *op, int index) {
    const struct plan_view *v = plan_get_view(plan, op->in[index]);
    if (v == NULL) return 0;
    double bytes = elements(v) * number_bytes(plan, program, v);
    if (op->kind != PLAN_OP_CONV || index != PLAN_CONV_HISTORY) return bytes;
    return bytes / v->frames * history_frames(v, op->params.conv.taps, plan->views[op->in[0]].frames);
}

static void conv_work(const struct plan *plan, const struct plan_op *op, uint32_t threads,
                      struct plan_work *w) {
    const struct plan_conv *p = &op->params.conv;
    const struct plan_view *in = &plan->views[op->in[0]], *out = &plan->views[op->out];
    w->flops = 2 * elements(out) * p->taps * p->kernel_h * p->kernel_w * in->channels;
    w->product_flops = p->algorithm == PLAN_CONV_DIRECT ? w->flops : winograd_flops(p, in, out, threads);
    w->bytes -= (double)plan->constants[op->constant[0]].bytes / p->kernel_t * (p->kernel_t - p->taps);
}

static void attention_work(const struct plan *plan, const struct plan_op *op, struct plan_work *w) {
    const struct plan_view *out = &plan->views[op->out];
    double positions = (double)out->height * out->width;
    w->flops = w->product_flops = 4 * out->frames * positions * positions * out->channels;
}

struct plan_work plan_work(const struct plan *plan, const struct plan_program *program,
                           const struct plan_op *op, uint32_t threads) {
    const struct plan_view *out = &plan->views[op->out];
    struct plan_work w = {.bytes = elements(out) * number_bytes(plan, program, out)};
    for (int i = 0; i < 3; i++) {
        w.bytes += input_bytes(plan, program, op, i);
        if (op->constant[i] != PLAN_NONE) w.bytes += (double)plan->constants[op->constant[i]].bytes;
    }
    if (op->kind == PLAN_OP_CONV) conv_work(plan, op, threads, &w);
    if (op->kind == PLAN_OP_ATTENTION) attention_work(plan, op, &w);
    return w;
}
