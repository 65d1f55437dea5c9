// Tiles of the Winograd convolution: from a patch to the matrices, and from there to the output.
//
// A tile is transformed for 16 channels at a time, first along its columns, then along its rows, then, where
// time is an axis, along its frames. Everything is inlined into one function for each algorithm, so that the
// transforms below become straight vector arithmetic. Outputs outside of the image are not written.
#include "runtime/kernels/winograd.h"

#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// Elements of an axis in space, of one in time, and of all.
enum { LANES = PLAN_WINOGRAD_LANES, MOST = 10, MOST_FRAMES = 6, MOST_ELEMENTS = 6 * 36 };
enum { STREAM_BYTES = 32 << 20 };

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef float anywhere __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

enum axis { FOLDED, F2, F4, UPSAMPLED2, UPSAMPLED4 };

// What the compiler needs to know of an axis; it must agree with plan_winograd_axis.
RT_INLINE size_t axis_inputs(enum axis a) { return (const size_t[]){1, 4, 6, 4, 6}[a]; }
RT_INLINE size_t axis_elements(enum axis a) { return (const size_t[]){1, 4, 6, 6, 10}[a]; }
RT_INLINE size_t axis_outputs(enum axis a) { return (const size_t[]){1, 2, 4, 4, 8}[a]; }

// ---- one axis

// The polynomials with roots in all points but one: of 0, 1, -1.
RT_INLINE void forward2(const vec *x, vec *y) {
    y[0] = x[2] - x[0];
    y[1] = x[2] + x[1];
    y[2] = x[2] - x[1];
    y[3] = x[3] - x[1];
}

RT_INLINE void inverse2(const vec *m, vec *y) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] + m[3];
}

static const float A = 0x1.6a09e6p-1f, B = 0x1.6a09e6p0f; // the points: 0, +-A, +-B; A^2 = 1/2, B^2 = 2

RT_INLINE void forward4(const vec *x, vec *y) {
    vec even_a = x[4] - 2 * x[2], odd_a = A * (x[3] - 2 * x[1]);
    vec even_b = x[4] - 0.5f * x[2], odd_b = B * (x[3] - 0.5f * x[1]);
    y[0] = x[4] - 2.5f * x[2] + x[0];
    y[1] = even_a + odd_a;
    y[2] = even_a - odd_a;
    y[3] = even_b + odd_b;
    y[4] = even_b - odd_b;
    y[5] = x[5] - 2.5f * x[3] + x[1];
}

RT_INLINE void inverse4(const vec *m, vec *y) {
    vec sum_a = m[1] + m[2], sum_b = m[3] + m[4];
    vec difference_a = A * (m[1] - m[2]), difference_b = B * (m[3] - m[4]);
    y[0] = m[0] + sum_a + sum_b;
    y[1] = difference_a + difference_b;
    y[2] = 0.5f * sum_a + 2 * sum_b;
    y[3] = 0.5f * difference_a + 2 * difference_b + m[5];
}

// Of an enlarged image the outputs of the even phase meet taps 0 and 1+2, those of the odd one 0+1 and 2, a pixel
// further. F(2,2) of both: points 0 and -1.
RT_INLINE void forward_upsampled2(const vec *x, vec *y) {
    y[0] = x[0] - x[1];
    y[1] = x[1];
    y[2] = x[2] - x[1];
    y[3] = x[1] - x[2];
    y[4] = x[2];
    y[5] = x[3] - x[2];
}

RT_INLINE void inverse_upsampled2(const vec *m, vec *y) {
    y[0] = m[0] + m[1];
    y[1] = m[3] + m[4];
    y[2] = m[1] + m[2];
    y[3] = m[4] + m[5];
}

// F(4,2) of one phase: points +-1/2, +-3/2.
RT_INLINE void forward_phase4(const vec *x, vec *y) {
    vec a = x[3] - 2.25f * x[1], odd_a = 0.5f * (x[2] - 2.25f * x[0]);
    vec b = x[3] - 0.25f * x[1], odd_b = 1.5f * (x[2] - 0.25f * x[0]);
    y[0] = a + odd_a;
    y[1] = a - odd_a;
    y[2] = b + odd_b;
    y[3] = b - odd_b;
    y[4] = x[4] - 2.5f * x[2] + 0.5625f * x[0];
}

// Its outputs are every second one.
RT_INLINE void inverse_phase4(const vec *m, vec *y) {
    vec sum_a = m[0] + m[1], sum_b = m[2] + m[3];
    vec difference_a = 0.5f * (m[0] - m[1]), difference_b = 1.5f * (m[2] - m[3]);
    y[0] = sum_a + sum_b;
    y[2] = difference_a + difference_b;
    y[4] = 0.25f * sum_a + 2.25f * sum_b;
    y[6] = 0.25f * difference_a + 2.25f * difference_b + m[4];
}

RT_INLINE void forward_upsampled4(const vec *x, vec *y) {
    forward_phase4(x, y);
    forward_phase4(x + 1, y + 5);
}

RT_INLINE void inverse_upsampled4(const vec *m, vec *y) {
    inverse_phase4(m, y);
    inverse_phase4(m + 5, y + 1);
}

RT_INLINE void forward(enum axis a, const vec *x, vec *y) {
    if (a == FOLDED) y[0] = x[0];
    else if (a == F2) forward2(x, y);
    else if (a == F4) forward4(x, y);
    else if (a == UPSAMPLED2) forward_upsampled2(x, y);
    else forward_upsampled4(x, y);
}

RT_INLINE void inverse(enum axis a, const vec *m, vec *y) {
    if (a == FOLDED) y[0] = m[0];
    else if (a == F2) inverse2(m, y);
    else if (a == F4) inverse4(m, y);
    else if (a == UPSAMPLED2) inverse_upsampled2(m, y);
    else inverse_upsampled4(m, y);
}

// ---- from the patch

// One frame of a tile: y[row][column].
RT_INLINE void forward_space(enum axis space, const float *tile, size_t row, size_t pixel, vec *y) {
    size_t n = axis_inputs(space), elements = axis_elements(space);
    vec rows[MOST][MOST];
    for (size_t column = 0; column < n; column++) {
        vec x[MOST], t[MOST];
        for (size_t i = 0; i < n; i++) x[i] = *(const vec *)(tile + i * row + column * pixel);
        forward(space, x, t);
        for (size_t i = 0; i < elements; i++) rows[i][column] = t[i];
    }
    for (size_t i = 0; i < elements; i++) forward(space, rows[i], y + i * elements);
}

// A group of frames of a tile, along all axes.
RT_INLINE void forward_group(enum axis space, enum axis time, const float *tile, size_t row, size_t pixel,
                             size_t frame, float *v, size_t plane) {
    size_t frames = axis_inputs(time), elements = axis_elements(space) * axis_elements(space);
    vec y[MOST_ELEMENTS]; // [frame][element in space]
    for (size_t t = 0; t < frames; t++) forward_space(space, tile + t * frame, row, pixel, y + t * elements);
    for (size_t e = 0; e < elements; e++) {
        vec x[MOST_FRAMES], t[MOST_FRAMES];
        for (size_t i = 0; i < frames; i++) x[i] = y[i * elements + e];
        forward(time, x, t);
        for (size_t i = 0; i < axis_elements(time); i++, v += plane) *(vec *)v = t[i];
    }
}

RT_INLINE void gather(const struct rt_winograd_block *b, size_t tile, enum axis space, enum axis time) {
    const struct plan_winograd *g = b->g;
    size_t frame = b->patch.channels, pixel = rt_patch_pixel(&b->patch), row = b->patch.width * pixel;
    size_t y = tile / g->block_wide * g->space.step, x = tile % g->block_wide * g->space.step;
    const float *in = b->patch.data + y * row + x * pixel;
    for (size_t r = 0; r < g->rows_in; r++) {
        float *v = b->v + (tile * g->rows_in + r) * g->row;
        for (size_t c = 0; c < g->inputs; c += LANES) {
            forward_group(space, time, in + r * axis_outputs(time) * frame + c, row, pixel, frame, v + c,
                          g->v_plane);
        }
    }
}

// The pixels under the kernel: of each, the frames of the taps, which lie side by side.
static void gather_im2col(const struct rt_winograd_block *b, size_t tile) {
    const struct plan_winograd *g = b->g;
    size_t frame = b->patch.channels, pixel = rt_patch_pixel(&b->patch), row = b->patch.width * pixel;
    const float *in = b->patch.data + tile / g->block_wide * row + tile % g->block_wide * pixel;
    size_t n = g->space.inputs, taps = g->row / (n * n);
    for (size_t r = 0; r < g->rows_in; r++) {
        float *v = b->v + (tile * g->rows_in + r) * g->row;
        for (size_t k = 0; k < n * n; k++, v += taps)
            memcpy(v, in + k / n * row + k % n * pixel + r * frame, taps * sizeof *v);
    }
}

// ---- to the output

// What becomes of a result, and how much of a tile lies in the image.
struct finish {
    const struct rt_tensor *out, *residual;
    float *data;       // of the tile's first pixel, in frame 0 and channel 0
    const float *more; // the residual there, or NULL
    size_t height, width;
    float min, max;
    bool clamp, stream;
};

// A part of the output that is larger than shared caches are goes past them: memory need not be read before it is written.
#if defined(__SSE2__)
typedef float quarter __attribute__((vector_size(16)));

RT_INLINE bool streams(const struct rt_op *op) {
    const struct rt_tensor *out = &op->out;
    size_t floats = out->frames * (op->rows.end - op->rows.first) * out->width * out->pixel_stride;
    size_t strides = out->pixel_stride | out->row_stride | out->frame_stride;
    return floats * sizeof(float) > STREAM_BYTES && (uintptr_t)out->data % sizeof(quarter) == 0 &&
           strides % (sizeof(quarter) / sizeof(float)) == 0;
}

RT_INLINE void stream(float *out, const vec *y) {
    _mm_stream_ps(out, (__m128)__builtin_shufflevector(*y, *y, 0, 1, 2, 3));
    _mm_stream_ps(out + 4, (__m128)__builtin_shufflevector(*y, *y, 4, 5, 6, 7));
    _mm_stream_ps(out + 8, (__m128)__builtin_shufflevector(*y, *y, 8, 9, 10, 11));
    _mm_stream_ps(out + 12, (__m128)__builtin_shufflevector(*y, *y, 12, 13, 14, 15));
}

RT_INLINE void finish_stream(void) { _mm_sfence(); } // before another thread is told
#else
RT_INLINE bool streams(const struct rt_op *op) { return op == NULL; }
RT_INLINE void stream(float *out, const vec *y) { *(anywhere *)out = *y; }
RT_INLINE void finish_stream(void) {}
#endif

RT_INLINE void find_outputs(const struct rt_winograd_block *b, size_t tile, enum axis space,
                            struct finish *f) {
    const struct rt_tensor *out = &b->op->out, *residual = &b->op->in[PLAN_CONV_RESIDUAL];
    const struct plan_conv *conv = &b->op->plan->params.conv;
    size_t n = axis_outputs(space);
    size_t y = (b->tile_row + tile / b->g->block_wide) * n,
           x = (b->tile_column + tile % b->g->block_wide) * n;
    *f = (struct finish){.out = out,
                         .residual = residual,
                         .data = out->data + y * out->row_stride + x * out->pixel_stride,
                         .height = out->height - y < n ? out->height - y : n,
                         .width = out->width - x < n ? out->width - x : n,
                         .min = conv->min,
                         .max = conv->max,
                         .stream = streams(b->op),
                         .clamp = conv->min > -__builtin_inff() || conv->max < __builtin_inff()};
    if (residual->data != NULL)
        f->more = residual->data + y * residual->row_stride + x * residual->pixel_stride;
}

RT_INLINE void store(const struct finish *f, const vec *y, const float *more, float *out, size_t channels) {
    if (channels == LANES && !f->clamp) {
        vec sum = more == NULL ? *y : *y + *(const anywhere *)more;
        if (f->stream) stream(out, &sum);
        else *(anywhere *)out = sum;
        return;
    }
    for (size_t i = 0; i < channels; i++) {
        float x = more == NULL ? (*y)[i] : (*y)[i] + more[i];
        x = x > f->min ? x : f->min;
        out[i] = x < f->max ? x : f->max;
    }
}

// Frame t of a tile, 16 channels from c on.
RT_INLINE void inverse_space(enum axis space, const struct finish *f, const vec *m, const vec *bias,
                             size_t frame, size_t channel, size_t channels) {
    float *out = f->data + frame * f->out->frame_stride + channel;
    const float *more = f->more == NULL ? NULL : f->more + frame * f->residual->frame_stride + channel;
    size_t n = axis_outputs(space), elements = axis_elements(space);
    vec rows[MOST][MOST];
    for (size_t column = 0; column < elements; column++) {
        vec x[MOST], t[MOST];
        for (size_t i = 0; i < elements; i++) x[i] = m[i * elements + column];
        inverse(space, x, t);
        for (size_t i = 0; i < n; i++) rows[i][column] = t[i];
    }
    for (size_t i = 0; i < f->height; i++) {
        vec y[MOST];
        inverse(space, rows[i], y);
        for (size_t k = 0; k < n; k++) {
            if (k >= f->width) break;
            vec sum = y[k] + *bias;
            const float *add =
                more == NULL ? NULL : more + i * f->residual->row_stride + k * f->residual->pixel_stride;
            store(f, &sum, add, out + i * f->out->row_stride + k * f->out->pixel_stride, channels);
        }
    }
}

// The frames of one group: `first` is the first in the output, the next one is `step` behind it.
RT_INLINE void inverse_group(enum axis space, enum axis time, const struct finish *f, const float *m,
                             size_t plane, const vec *bias, size_t first, size_t step, size_t channel,
                             size_t channels) {
    size_t frames = axis_outputs(time), elements = axis_elements(space) * axis_elements(space);
    vec y[MOST_ELEMENTS]; // [frame][element in space]
    for (size_t e = 0; e < elements; e++) {
        vec x[MOST_FRAMES], t[MOST_FRAMES];
        for (size_t i = 0; i < axis_elements(time); i++, m += plane) x[i] = *(const vec *)m;
        inverse(time, x, t);
        for (size_t i = 0; i < frames; i++) y[i * elements + e] = t[i];
    }
    for (size_t i = 0; i < frames; i++) {
        size_t t = first + i * step;
        if (t >= f->out->frames) break;
        inverse_space(space, f, y + i * elements, bias, t, channel, channels);
    }
}

RT_INLINE void load_bias(const struct rt_op *op, size_t row, size_t channels, vec *bias) {
    *bias = (vec){0};
    if (op->constant[1].data != NULL) memcpy(bias, op->constant[1].data + row, channels * sizeof(float));
}

// That of the tile beside this one, which comes next.
RT_INLINE void prefetch_residual(const struct finish *f, size_t n, size_t channels) {
    const struct rt_tensor *r = f->residual;
    for (size_t t = 0; f->more != NULL && t < r->frames; t++) {
        for (size_t i = 0; i < f->height; i++) {
            const float *row = f->more + t * r->frame_stride + i * r->row_stride;
            for (size_t k = 0; k < n; k++) rt_prefetch(row + (n + k) * r->pixel_stride, channels);
        }
    }
}

RT_INLINE void scatter(const struct rt_winograd_block *b, size_t tile, enum axis space, enum axis time) {
    const struct plan_winograd *g = b->g;
    size_t outputs = b->op->out.channels, interleave = b->op->plan->params.conv.interleave;
    struct finish f;
    vec bias;
    find_outputs(b, tile, space, &f);
    prefetch_residual(&f, axis_outputs(space), outputs);
    for (size_t row = 0; row < g->rows_out; row++) {
        for (size_t j = 0; j < interleave; j++) {
            const float *m = b->m + (tile * g->rows_out + row) * g->columns + j * g->outputs;
            for (size_t c = 0; c < outputs; c += LANES) {
                size_t channels = outputs - c < LANES ? outputs - c : LANES;
                load_bias(b->op, j * outputs + c, channels, &bias);
                inverse_group(space, time, &f, m + c, g->m_plane, &bias,
                              row * axis_outputs(time) * interleave + j, interleave, c, channels);
            }
        }
    }
    if (f.stream) finish_stream();
}

// ---- one pair of functions for each algorithm

#define TILES(name, space, time)                                                                             \
    RT_VECTOR static void gather_##name(const struct rt_winograd_block *b, size_t tile) {                    \
        gather(b, tile, space, time);                                                                        \
    }                                                                                                        \
    RT_VECTOR static void scatter_##name(const struct rt_winograd_block *b, size_t tile) {                   \
        scatter(b, tile, space, time);                                                                       \
    }                                                                                                        \
    static const struct rt_winograd_tiles tiles_##name = {gather_##name, scatter_##name};

TILES(2, F2, FOLDED)
TILES(4, F4, FOLDED)
TILES(2_time2, F2, F2)
TILES(4_time2, F4, F2)
TILES(4_time4, F4, F4)
TILES(1, FOLDED, FOLDED)
TILES(1_time2, FOLDED, F2)
TILES(1_time4, FOLDED, F4)
static const struct rt_winograd_tiles tiles_im2col = {gather_im2col, scatter_1};
TILES(2_upsampled, UPSAMPLED2, FOLDED)
TILES(4_upsampled, UPSAMPLED4, FOLDED)

const struct rt_winograd_tiles *rt_winograd_tiles(const struct plan_conv *p) {
    static const struct rt_winograd_tiles *const table[PLAN_CONV_ALGORITHMS] = {
        [PLAN_CONV_WINOGRAD2] = &tiles_2,
        [PLAN_CONV_WINOGRAD4] = &tiles_4,
        [PLAN_CONV_WINOGRAD2_TIME2] = &tiles_2_time2,
        [PLAN_CONV_WINOGRAD4_TIME2] = &tiles_4_time2,
        [PLAN_CONV_WINOGRAD4_TIME4] = &tiles_4_time4,
        [PLAN_CONV_PRODUCT] = &tiles_1,
        [PLAN_CONV_PRODUCT_TIME2] = &tiles_1_time2,
        [PLAN_CONV_PRODUCT_TIME4] = &tiles_1_time4,
        [PLAN_CONV_IM2COL] = &tiles_im2col,
    };
    if (p->upsample == 1) return table[p->algorithm];
    return p->algorithm == PLAN_CONV_WINOGRAD2 ? &tiles_2_upsampled : &tiles_4_upsampled;
}
