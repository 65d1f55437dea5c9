// exp and what is made of it, for loops that the compiler vectorises: no calls, no branches.
#ifndef WANC_RUNTIME_KERNELS_EXP_H
#define WANC_RUNTIME_KERNELS_EXP_H

#include "runtime/kernels/kernels.h"

#include <string.h>

// Within 2 ulp for -87 <= x <= 88, clamped to that range outside of it. exp(x) = 2^n * exp(r) with
// |r| <= ln 2 / 2; the coefficients are those of Cephes' expf.
RT_INLINE float rt_exp(float x) {
    const float magic = 0x1.8p23f; // adding it leaves the nearest integer in the low bits
    x = x > -87.0f ? x : -87.0f;
    x = x < 88.0f ? x : 88.0f;
    float shifted = x * 0x1.715476p0f + magic, n = shifted - magic;
    float r = x - n * 0x1.63p-1f; // ln 2 in two parts, the first short enough to make the product exact
    r -= n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    uint32_t bits;
    float power;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127) << 23; // the magic number's own bits are shifted out
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

RT_INLINE float rt_sigmoid(float x) { return 1.0f / (1.0f + rt_exp(-x)); }
RT_INLINE float rt_silu(float x) { return x / (1.0f + rt_exp(-x)); }

#endif
