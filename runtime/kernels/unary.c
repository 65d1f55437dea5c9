// Elementwise functions of one tensor.
#include "runtime/kernels/exp.h"

RT_INLINE float apply(const struct plan_unary *u, uint32_t op, float x) {
    switch (op) {
    case PLAN_SILU: return rt_silu(x);
    case PLAN_SIGMOID: return rt_sigmoid(x);
    default: x = x < u->min ? u->min : x; return x > u->max ? u->max : x; // NaN stays
    }
}

// Always inlined with a constant operation, and with strides of 1 where it matters.
RT_INLINE void run(const struct plan_unary *u, uint32_t op, const float *x, size_t xs, float *y, size_t ys,
                   size_t n) {
#pragma omp simd
    for (size_t i = 0; i < n; i++) y[i * ys] = apply(u, op, x[i * xs]);
}

RT_VECTOR static void run_unit(const struct plan_unary *u, const float *x, float *y, size_t n) {
    switch (u->op) {
    case PLAN_SILU: run(u, PLAN_SILU, x, 1, y, 1, n); break;
    case PLAN_SIGMOID: run(u, PLAN_SIGMOID, x, 1, y, 1, n); break;
    default: run(u, PLAN_CLAMP, x, 1, y, 1, n); break;
    }
}

static void unary_piece(const void *context, const struct rt_piece *p) {
    const struct rt_op *op = context;
    const struct rt_tensor *in = &op->in[0], *out = &op->out;
    const struct plan_unary *u = &op->plan->params.unary;
    const float *x = rt_at(in, p);
    float *y = rt_at(out, p);
    if (rt_dense_row(in) && rt_dense_row(out)) {
        run_unit(u, x, y, p->pixels * out->channels);
        return;
    }
    for (size_t i = 0; i < p->pixels; i++, x += in->pixel_stride, y += out->pixel_stride) {
        if (rt_unit(in) && rt_unit(out)) run_unit(u, x, y, out->channels);
        else run(u, u->op, x, in->channel_stride, y, out->channel_stride, out->channels);
    }
}

bool rt_unary_run(struct rt_session *s, struct rt_op *op, struct error *err) {
    (void)err;
    rt_for_pieces(s->pool, &op->out, unary_piece, op);
    return true;
}
