// Numbers that would spread: NaN and infinity.
#ifndef WANC_BASE_FINITE_H
#define WANC_BASE_FINITE_H

#include "base/half.h"

#include <stdbool.h>
#include <stddef.h>

// Compared as bits, so that compilers vectorise it, whatever they may assume of floats.
static inline bool floats_are_finite(const float *x, size_t count) {
    uint32_t wrong = 0;
    for (size_t i = 0; i < count; i++) wrong |= (float_bits(x[i]) & 0x7f800000) == 0x7f800000;
    return wrong == 0;
}

#endif
