// Floats to and from 16 bits, for caches that are kept so: arithmetic on bits, which compilers vectorise. Zero stands for
// magnitudes below 2^-14 of an f16 (the pool's threads flush denormals), 65504 for larger ones; both round to nearest,
// ties to even. A NaN stays none of the above, or becomes any number: it is in the frames of the same step as well, and
// found there.
#ifndef WANC_RUNTIME_KERNELS_NARROW_H
#define WANC_RUNTIME_KERNELS_NARROW_H

#include "runtime/kernels/kernels.h"

#include <string.h>

RT_INLINE float rt_float_of(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

RT_INLINE uint32_t rt_bits_of(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

// The exponents' biases differ by 112.
RT_INLINE float rt_from_f16(uint16_t h) {
    float magnitude = rt_float_of((uint32_t)(h & 0x7fff) << 13) * 0x1p112f;
    return rt_float_of(rt_bits_of(magnitude) | (uint32_t)(h & 0x8000) << 16);
}

RT_INLINE uint16_t rt_to_f16(float x) {
    uint32_t sign = rt_bits_of(x) & 0x80000000u;
    float magnitude = rt_float_of(rt_bits_of(x) ^ sign);
    uint32_t bits = rt_bits_of((magnitude > 65504.0f ? 65504.0f : magnitude) * 0x1p-112f);
    return (uint16_t)(sign >> 16 | ((bits + 0xfff + (bits >> 13 & 1)) >> 13 & 0x7fff));
}

RT_INLINE float rt_from_bf16(uint16_t b) { return rt_float_of((uint32_t)b << 16); }

RT_INLINE uint16_t rt_to_bf16(float x) {
    uint32_t bits = rt_bits_of(x);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#endif
