// Floats to and from 16 bits, for caches that are kept so: arithmetic on bits, which compilers vectorise. Zero stands for
// magnitudes below 2^-14 of an f16 (the pool's threads flush denormals), 65504 for larger ones; both round to nearest,
// ties to even. A NaN stays none of the above, or becomes any number: it is in the frames of the same step as well, and
// found there.
#ifndef WANC_RUNTIME_KERNELS_NARROW_H
#define WANC_RUNTIME_KERNELS_NARROW_H

#include "base/half.h"
#include "runtime/kernels/kernels.h"

// The exponents' biases differ by 112.
RT_INLINE float rt_from_f16(uint16_t h) {
    float magnitude = float_from_bits((uint32_t)(h & 0x7fff) << 13) * 0x1p112f;
    return float_from_bits(float_bits(magnitude) | (uint32_t)(h & 0x8000) << 16);
}

RT_INLINE uint16_t rt_to_f16(float x) {
    uint32_t sign = float_bits(x) & 0x80000000u;
    float magnitude = float_from_bits(float_bits(x) ^ sign);
    uint32_t bits = float_bits((magnitude > 65504.0f ? 65504.0f : magnitude) * 0x1p-112f);
    return (uint16_t)(sign >> 16 | ((bits + 0xfff + (bits >> 13 & 1)) >> 13 & 0x7fff));
}

RT_INLINE uint16_t rt_to_bf16(float x) {
    uint32_t bits = float_bits(x);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#endif
