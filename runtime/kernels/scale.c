// Per-channel multiply and add.
#include "runtime/kernels/kernels.h"

#include <stdlib.h>

struct scale {
    struct rt_tensor in, out;
    const float *b;
    float a[]; // `channels` factors, then as many summands
};

bool rt_scale_prepare(struct rt_session *s, struct rt_op *op, struct error *err) {
    (void)s;
    size_t channels = op->out.channels;
    const float *a = op->constant[0].data, *b = op->constant[1].data;
    struct scale *k = op->state = malloc(sizeof *k + 2 * channels * sizeof(float));
    if (k == NULL) return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t c = 0; c < channels; c++) {
        k->a[c] = a == NULL ? 1 : a[c];
        k->a[channels + c] = b == NULL ? 0 : b[c];
    }
    k->b = k->a + channels;
    return true;
}

RT_INLINE void scale_pixel(const struct scale *k, const float *x, size_t xs, float *y, size_t ys) {
    size_t channels = k->in.channels;
#pragma omp simd
    for (size_t c = 0; c < channels; c++) y[c * ys] = x[c * xs] * k->a[c] + k->b[c];
}

RT_VECTOR static void scale_pixels(const struct scale *k, const float *x, float *y, size_t pixels) {
    for (size_t i = 0; i < pixels; i++) {
        scale_pixel(k, x + i * k->in.pixel_stride, 1, y + i * k->out.pixel_stride, 1);
    }
}

static void scale_piece(const void *context, const struct rt_piece *p) {
    const struct scale *k = context;
    const float *x = rt_at(&k->in, p);
    float *y = rt_at(&k->out, p);
    if (rt_unit(&k->in) && rt_unit(&k->out)) {
        scale_pixels(k, x, y, p->pixels);
        return;
    }
    for (size_t i = 0; i < p->pixels; i++) {
        scale_pixel(k, x + i * k->in.pixel_stride, k->in.channel_stride, y + i * k->out.pixel_stride,
                    k->out.channel_stride);
    }
}

bool rt_scale_run(struct rt_session *s, struct rt_op *op, struct error *err) {
    struct scale *k = op->state;
    (void)err;
    k->in = op->in[0];
    k->out = op->out;
    rt_for_pieces(s->pool, &op->out, scale_piece, k);
    return true;
}
