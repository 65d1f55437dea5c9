// Elementwise arithmetic on two tensors. Bound by memory, so that one loop per operation is all there is to
// it.
#include "runtime/kernels/kernels.h"

RT_INLINE float apply(uint32_t op, float a, float b) {
    switch (op) {
    case PLAN_ADD: return a + b;
    case PLAN_SUB: return a - b;
    case PLAN_MUL: return a * b;
    default: return a / b;
    }
}

// Always inlined with a constant operation, and with strides of 1 where it matters.
RT_INLINE void run(uint32_t op, const float *a, size_t as, const float *b, size_t bs, float *o, size_t os,
                   size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) o[i * os] = apply(op, a[i * as], b[i * bs]);
}

RT_VECTOR static void run_unit(uint32_t op, const float *a, const float *b, float *o, size_t n) {
    switch (op) {
    case PLAN_ADD: run(PLAN_ADD, a, 1, b, 1, o, 1, n); break;
    case PLAN_SUB: run(PLAN_SUB, a, 1, b, 1, o, 1, n); break;
    case PLAN_MUL: run(PLAN_MUL, a, 1, b, 1, o, 1, n); break;
    default: run(PLAN_DIV, a, 1, b, 1, o, 1, n); break;
    }
}

static void binary_piece(const void *context, const struct rt_piece *p) {
    const struct rt_op *op = context;
    const struct rt_tensor *a = &op->in[0], *b = &op->in[1], *o = &op->out;
    const float *pa = rt_at(a, p), *pb = rt_at(b, p);
    float *po = rt_at(o, p);
    uint32_t kind = op->plan->params.binary.op;
    if (rt_dense_row(a) && rt_dense_row(b) && rt_dense_row(o)) {
        run_unit(kind, pa, pb, po, p->pixels * o->channels);
        return;
    }
    bool unit = rt_unit(a) && rt_unit(b) && rt_unit(o);
    for (size_t i = 0; i < p->pixels; i++) {
        if (unit) run_unit(kind, pa, pb, po, o->channels);
        else run(kind, pa, a->channel_stride, pb, b->channel_stride, po, o->channel_stride, o->channels);
        pa += a->pixel_stride;
        pb += b->pixel_stride;
        po += o->pixel_stride;
    }
}

bool rt_binary_run(struct rt_session *s, struct rt_op *op, struct error *err) {
    (void)err;
    rt_for_pieces(s->pool, &op->out, binary_piece, op);
    return true;
}
