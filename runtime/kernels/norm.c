// RMS norm over the channels of each pixel, optionally with SiLU: two passes over a pixel that lies in L1.
#include "runtime/kernels/exp.h"

#include <math.h>
#include <stdlib.h>

struct norm {
    struct rt_tensor in, out;
    float scale, epsilon;
    bool silu;
    float gamma[]; // of ones where the plan has none
};

bool rt_norm_prepare(struct rt_session *s, struct rt_op *op, struct error *err) {
    (void)s;
    const struct plan_norm *p = &op->plan->params.norm;
    size_t channels = op->out.channels;
    struct norm *n = op->state = malloc(sizeof *n + channels * sizeof(float));
    if (n == NULL) return error_set(err, ERROR_MEMORY, "out of memory");
    *n = (struct norm){
        .in = op->in[0], .out = op->out, .scale = p->scale, .epsilon = p->epsilon, .silu = p->silu};
    for (size_t c = 0; c < channels; c++)
        n->gamma[c] = op->constant[0].data == NULL ? 1 : op->constant[0].data[c];
    return true;
}

// What a pixel is multiplied with. A sum that overflows gives 0, as it does in PyTorch.
RT_INLINE float norm_factor(const struct norm *n, float squares) {
    float length = sqrtf(squares);
    return n->scale / (length > n->epsilon ? length : n->epsilon);
}

RT_INLINE void norm_pixel(const struct norm *n, const float *x, size_t xs, float *y, size_t ys, bool silu) {
    float squares = 0;
    size_t channels = n->in.channels;
#pragma omp simd reduction(+ : squares)
    for (size_t c = 0; c < channels; c++) squares += x[c * xs] * x[c * xs];
    float factor = norm_factor(n, squares);
#pragma omp simd
    for (size_t c = 0; c < channels; c++) {
        float v = x[c * xs] * factor * n->gamma[c];
        y[c * ys] = silu ? rt_silu(v) : v;
    }
}

// Pixels of a window lie apart, which the CPU does not see coming: the sum of one would wait for memory.
RT_INLINE void prefetch_pixel(const float *x, size_t channels) {
    for (size_t c = 0; c < channels; c += 16) __builtin_prefetch(x + c);
}

RT_INLINE void norm_unit(const struct norm *n, const float *x, float *y, size_t pixels, bool silu) {
    for (size_t i = 0; i < pixels; i++) {
        prefetch_pixel(x + (i + 4) * n->in.pixel_stride, n->in.channels);
        norm_pixel(n, x + i * n->in.pixel_stride, 1, y + i * n->out.pixel_stride, 1, silu);
    }
}

RT_VECTOR static void norm_silu_pixels(const struct norm *n, const float *x, float *y, size_t pixels) {
    norm_unit(n, x, y, pixels, true);
}

RT_VECTOR static void norm_pixels(const struct norm *n, const float *x, float *y, size_t pixels) {
    norm_unit(n, x, y, pixels, false);
}

static void norm_strided(const struct norm *n, const float *x, float *y, size_t pixels) {
    for (size_t i = 0; i < pixels; i++) {
        norm_pixel(n, x + i * n->in.pixel_stride, n->in.channel_stride, y + i * n->out.pixel_stride,
                   n->out.channel_stride, n->silu);
    }
}

static void norm_piece(const void *context, const struct rt_piece *p) {
    const struct norm *n = context;
    const float *x = rt_at(&n->in, p);
    float *y = rt_at(&n->out, p);
    if (!rt_unit(&n->in) || !rt_unit(&n->out)) norm_strided(n, x, y, p->pixels);
    else if (n->silu) norm_silu_pixels(n, x, y, p->pixels);
    else norm_pixels(n, x, y, p->pixels);
}

bool rt_norm_run(struct rt_session *s, struct rt_op *op, struct error *err) {
    (void)err;
    rt_for_pieces(s->pool, &op->out, norm_piece, op->state);
    return true;
}
