// RMS norm over the channels of each pixel, optionally with SiLU.
#include "runtime/kernels/norm.h"

#include <stdlib.h>

struct norm {
    struct rt_tensor in, out;
    struct rt_norm norm;
    bool silu;
};

float *rt_norm_gamma(const struct rt_constant *gamma, size_t channels) {
    float *copy = malloc(channels * sizeof *copy);
    for (size_t c = 0; copy != NULL && c < channels; c++) copy[c] = gamma->data == NULL ? 1 : gamma->data[c];
    return copy;
}

bool rt_norm_prepare(struct rt_session *s, struct rt_op *op, struct error *err) {
    (void)s;
    const struct plan_norm *p = &op->plan->params.norm;
    size_t channels = op->out.channels;
    struct norm *n = op->state = calloc(1, sizeof *n);
    float *gamma = n == NULL ? NULL : rt_norm_gamma(&op->constant[0], channels);
    if (gamma == NULL) return error_set(err, ERROR_MEMORY, "out of memory");
    *n = (struct norm){.norm = {p->scale, p->epsilon, gamma, channels}, .silu = p->silu};
    return true;
}

void rt_norm_destroy(struct rt_op *op) {
    struct norm *n = op->state;
    if (n != NULL) free((void *)n->norm.gamma);
    rt_state_free(op);
}

// Pixels of a window lie apart, which the CPU does not see coming: the sum of one would wait for memory.
RT_INLINE void norm_unit(const struct norm *n, const float *x, float *y, size_t pixels, bool silu) {
    size_t apart = n->in.pixel_stride;
    rt_norm_row(&n->norm, x, apart, 4 * apart, y, n->out.pixel_stride, pixels, silu);
}

RT_VECTOR static void norm_silu_pixels(const struct norm *n, const float *x, float *y, size_t pixels) {
    norm_unit(n, x, y, pixels, true);
}

RT_VECTOR static void norm_pixels(const struct norm *n, const float *x, float *y, size_t pixels) {
    norm_unit(n, x, y, pixels, false);
}

static void norm_strided(const struct norm *n, const float *x, float *y, size_t pixels) {
    for (size_t i = 0; i < pixels; i++) {
        rt_norm_pixel(&n->norm, x + i * n->in.pixel_stride, n->in.channel_stride, y + i * n->out.pixel_stride,
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
    struct norm *n = op->state;
    (void)err;
    n->in = op->in[0];
    n->out = op->out;
    rt_for_pieces(s->pool, &op->out, norm_piece, n);
    return true;
}
