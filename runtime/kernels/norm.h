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

#endif
