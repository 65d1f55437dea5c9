// Patches: reading the window of a convolution, with the norm in front of it, and writing its history.
#include "runtime/kernels/patch.h"

#include "runtime/kernels/narrow.h"
#include "runtime/kernels/norm.h"

#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

bool rt_window_init(struct rt_window *w, const struct rt_op *op, struct error *err) {
    const struct plan_conv *p = &op->plan->params.conv;
    bool has_history = op->in[PLAN_CONV_HISTORY].frames > 0;
    *w = (struct rt_window){.in = op->in[PLAN_CONV_IMAGE],
                            .history = op->in[PLAN_CONV_HISTORY],
                            .old_frames = has_history ? p->taps - 1 : 0,
                            .prologue = p->prologue};
    w->frames = w->old_frames + w->in.frames;
    if (p->prologue == PLAN_PROLOGUE_NONE) return true;
    const float *gamma = rt_norm_gamma(&op->constant[2], w->in.channels);
    w->norm = (struct rt_norm){p->norm_scale, p->norm_epsilon, gamma, w->in.channels};
    return gamma != NULL || error_set(err, ERROR_MEMORY, "out of memory");
}

void rt_window_free(struct rt_window *w) { free((void *)w->norm.gamma); }

// Where the history begins as the step finds it, or as it leaves it: numbers in front of its even position.
static size_t history_move(const struct rt_patch *p, bool before) {
    const struct rt_tensor *h = &p->window->history;
    return p->odd == before ? h->row_stride + h->pixel_stride : 0;
}

// ---- from the window

RT_INLINE void copy_channels(const struct rt_window *w, const float *x, float *y) {
    for (size_t c = 0; c < w->in.channels; c++) y[c] = x[c];
}

// One frame of the pixels [first, end) of a row, from x on; the row below comes next, too short for the hardware to see
// that in time.
RT_INLINE void fill_frame(const struct rt_patch *p, const float *x, size_t stride, size_t below, float *y,
                          size_t first, size_t end, uint32_t prologue) {
    const struct rt_window *w = p->window;
    size_t pixel = rt_patch_pixel(p);
    y += first * pixel;
    for (size_t i = 0; i < end - first && prologue == PLAN_PROLOGUE_NONE; i++) {
        rt_prefetch(x + i * stride + below, w->in.channels);
        copy_channels(w, x + i * stride, y + i * pixel);
    }
    if (prologue != PLAN_PROLOGUE_NONE)
        rt_norm_row(&w->norm, x, stride, below, y, pixel, end - first, prologue == PLAN_PROLOGUE_NORM_SILU);
    for (size_t i = 0; i < end - first; i++) {
        for (size_t c = w->in.channels; c < p->channels; c++) y[i * pixel + c] = 0;
    }
}

#define FILL(name, prologue)                                                                                 \
    RT_VECTOR static void fill_##name(const struct rt_patch *p, const float *x, size_t stride, size_t below, \
                                      float *y, size_t first, size_t end) {                                  \
        fill_frame(p, x, stride, below, y, first, end, prologue);                                            \
    }
FILL(copied, PLAN_PROLOGUE_NONE)
FILL(normed, PLAN_PROLOGUE_NORM)
FILL(normed_silu, PLAN_PROLOGUE_NORM_SILU)

// The same from a history of 16 bits.
RT_INLINE void fill_narrow(const struct rt_patch *p, const uint16_t *x, size_t stride, float *y, size_t first,
                           size_t end, float (*widen)(uint16_t)) {
    size_t channels = p->window->in.channels;
    for (size_t i = first; i < end; i++, x += stride) {
        float *out = y + i * rt_patch_pixel(p);
        for (size_t c = 0; c < channels; c++) out[c] = widen(x[c]);
        for (size_t c = channels; c < p->channels; c++) out[c] = 0;
    }
}

RT_VECTOR static void fill_f16(const struct rt_patch *p, const uint16_t *x, size_t stride, float *y,
                               size_t first, size_t end) {
    fill_narrow(p, x, stride, y, first, end, rt_from_f16);
}

RT_VECTOR static void fill_bf16(const struct rt_patch *p, const uint16_t *x, size_t stride, float *y,
                                size_t first, size_t end) {
    fill_narrow(p, x, stride, y, first, end, bfloat_to_float);
}

// Old frames, from number `at` of the history on: it may begin in front of where its view says.
static void fill_old(const struct rt_patch *p, ptrdiff_t at, float *y, size_t first, size_t end) {
    const struct rt_tensor *h = &p->window->history;
    if (h->type == PLAN_F32) fill_copied(p, h->data + at, h->pixel_stride, h->row_stride, y, first, end);
    else if (h->type == PLAN_F16) fill_f16(p, h->narrow + at, h->pixel_stride, y, first, end);
    else fill_bf16(p, h->narrow + at, h->pixel_stride, y, first, end);
}

typedef void fill_fn(const struct rt_patch *p, const float *x, size_t stride, size_t below, float *y,
                     size_t first, size_t end);
static fill_fn *const fills[PLAN_PROLOGUES] = {fill_copied, fill_normed, fill_normed_silu};

static void fill_pixels(const struct rt_patch *p, size_t y, float *row, size_t first, size_t end) {
    const struct rt_window *w = p->window;
    const struct rt_tensor *in = &w->in, *h = &w->history;
    size_t x = (size_t)((ptrdiff_t)first + p->left);
    ptrdiff_t old = (ptrdiff_t)(y * h->row_stride + x * h->pixel_stride) - (ptrdiff_t)history_move(p, true);
    const float *new = in->data + y * in->row_stride + x * in->pixel_stride;
    for (size_t t = 0; t < w->old_frames; t++) {
        size_t frame = h->frames - w->old_frames + t;
        fill_old(p, old + (ptrdiff_t)(frame * h->frame_stride), row + t * p->channels, first, end);
    }
    for (size_t t = 0; t < in->frames; t++) {
        fills[w->prologue](p, new + t * in->frame_stride, in->pixel_stride, in->row_stride,
                           row + (w->old_frames + t) * p->channels, first, end);
    }
    if (p->frames == w->frames) return;
    for (size_t i = first; i < end; i++) {
        memset(row + i * rt_patch_pixel(p) + w->frames * p->channels, 0,
               (p->frames - w->frames) * p->channels * sizeof *row);
    }
}

void rt_patch_fill_row(const struct rt_patch *p, size_t row) {
    size_t pixel = rt_patch_pixel(p);
    float *out = p->data + row * p->width * pixel;
    ptrdiff_t y = (ptrdiff_t)row + p->top, height = (ptrdiff_t)p->window->in.height, left = -p->left,
              right = (ptrdiff_t)p->window->in.width - p->left;
    size_t first = left < 0 ? 0 : (size_t)left < p->width ? (size_t)left : p->width;
    size_t end = right < 0 ? 0 : (size_t)right < p->width ? (size_t)right : p->width;
    if (y < 0 || y >= height || first >= end) first = end = p->width;
    memset(out, 0, first * pixel * sizeof *out);
    if (first < end) fill_pixels(p, (size_t)y, out, first, end);
    memset(out + end * pixel, 0, (p->width - end) * pixel * sizeof *out);
}

// ---- to the history

// The next step reads what is kept, and no earlier operator: past the caches, memory need not be read before it is
// written, and what is in the caches stays.
#if defined(__SSE2__)
static void keep_pixel(float *to, const float *from, size_t channels) {
    size_t whole = (uintptr_t)to % sizeof(__m128) == 0 ? channels / 4 * 4 : 0;
    for (size_t c = 0; c < whole; c += 4) _mm_stream_ps(to + c, _mm_loadu_ps(from + c));
    memcpy(to + whole, from + whole, (channels - whole) * sizeof *to);
}

static void finish_row(void) { _mm_sfence(); } // before another thread is told
#else
static void keep_pixel(float *to, const float *from, size_t channels) {
    memcpy(to, from, channels * sizeof *to);
}

static void finish_row(void) {}
#endif

RT_VECTOR static void keep_f16(uint16_t *to, const float *from, size_t channels) {
    for (size_t c = 0; c < channels; c++) to[c] = rt_to_f16(from[c]);
}

RT_VECTOR static void keep_bf16(uint16_t *to, const float *from, size_t channels) {
    for (size_t c = 0; c < channels; c++) to[c] = rt_to_bf16(from[c]);
}

// A pixel, to number `at` of the history.
static void keep(const struct rt_tensor *h, ptrdiff_t at, const float *from) {
    if (h->type == PLAN_F32) keep_pixel(h->data + at, from, h->channels);
    else if (h->type == PLAN_F16) keep_f16(h->narrow + at, from, h->channels);
    else keep_bf16(h->narrow + at, from, h->channels);
}

void rt_patch_keep_row(const struct rt_patch *p, size_t row, size_t first, size_t end) {
    const struct rt_window *w = p->window;
    const struct rt_tensor *h = &w->history;
    size_t pixel = rt_patch_pixel(p), y = (size_t)((ptrdiff_t)row + p->top);
    size_t missing =
        w->frames < h->frames ? h->frames - w->frames : 0; // older than the window: zero, and stay so
    ptrdiff_t base = (ptrdiff_t)(y * h->row_stride) - (ptrdiff_t)history_move(p, false);
    for (size_t t = missing; t < h->frames; t++) {
        const float *from = p->data + row * p->width * pixel + (w->frames + t - h->frames) * p->channels;
        for (size_t i = first; i < end; i++) {
            size_t x = (size_t)((ptrdiff_t)i + p->left);
            keep(h, base + (ptrdiff_t)(t * h->frame_stride + x * h->pixel_stride), from + i * pixel);
        }
    }
    finish_row();
}
