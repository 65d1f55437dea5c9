// The RMS norm of one pixel, for the operator and for what a convolution does to its input.
#ifndef WANC_RUNTIME_KERNELS_NORM_H
#define WANC_RUNTIME_KERNELS_NORM_H

#include "runtime/kernels/exp.h"

#include <math.h>

// What a pixel is multiplied with. A sum that overflows gives 0, as it does in PyTorch.
RT_INLINE float rt_norm_factor(const struct rt_norm *n, float squares) {
    float length = sqrtf(squares);
    return n->scale / (length > n->epsilon ? length : n->epsilon);
}

// Two passes over a pixel that lies in L1; channels are `xs` and `ys` floats apart.
RT_INLINE void rt_norm_pixel(const struct rt_norm *n, const float *x, size_t xs, float *y, size_t ys,
                             bool silu) {
    float squares = 0;
    size_t channels = n->channels;
#pragma omp simd reduction(+ : squares)
    for (size_t c = 0; c < channels; c++) squares += x[c * xs] * x[c * xs];
    float factor = rt_norm_factor(n, squares);
#pragma omp simd
    for (size_t c = 0; c < channels; c++) {
        float v = x[c * xs] * factor * n->gamma[c];
        y[c * ys] = silu ? rt_silu(v) : v;
    }
}

// A row of dense pixels, `xs` and `ys` floats apart; `below` floats further on lies what is read next. First the factors
// of many pixels, then the pixels: none waits for another's sum, root and division.
RT_INLINE void rt_norm_row(const struct rt_norm *n, const float *x, size_t xs, size_t below, float *y,
                           size_t ys, size_t pixels, bool silu) {
    enum { CHUNK = 32 };
    float factor[CHUNK];
    for (size_t first = 0; first < pixels; first += CHUNK) {
        size_t count = pixels - first < CHUNK ? pixels - first : CHUNK;
        const float *from = x + first * xs;
        float *to = y + first * ys;
        for (size_t i = 0; i < count; i++) {
            const float *pixel = from + i * xs;
            float squares = 0;
            rt_prefetch(pixel + below, n->channels);
#pragma omp simd reduction(+ : squares)
            for (size_t c = 0; c < n->channels; c++) squares += pixel[c] * pixel[c];
            factor[i] = squares;
        }
        for (size_t i = 0; i < count; i++) factor[i] = rt_norm_factor(n, factor[i]);
        for (size_t i = 0; i < count; i++) {
            const float *pixel = from + i * xs;
            float *out = to + i * ys;
#pragma omp simd
            for (size_t c = 0; c < n->channels; c++) {
                float v = pixel[c] * factor[i] * n->gamma[c];
                out[c] = silu ? rt_silu(v) : v;
            }
        }
    }
}

#endif
