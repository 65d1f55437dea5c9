// 16-bit floats to float: IEEE binary16 and bfloat16. Exact, subnormals, infinities and NaN included.
#ifndef WANC_BASE_HALF_H
#define WANC_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float float_from_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint32_t float_bits(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static inline float half_to_float(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = (h >> 10) & 31, mantissa = h & 0x3ff;
    if (exponent == 31) return float_from_bits(sign | 0x7f800000 | mantissa << 13);
    if (exponent != 0) return float_from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
    float magnitude = (float)mantissa * 0x1p-24f; // subnormal, or zero
    return sign ? -magnitude : magnitude;
}

static inline float bfloat_to_float(uint16_t b) { return float_from_bits((uint32_t)b << 16); }

#endif
