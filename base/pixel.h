// What a float of a decoded frame, about [-1, 1], is as a byte: the one definition for all outputs.
#ifndef WANC_BASE_PIXEL_H
#define WANC_BASE_PIXEL_H

#include <stdint.h>

// round(clamp((x * 0.5 + 0.5) * 255)); NaN is 0.
static inline uint8_t pixel_byte(float x) {
    float v = (x * 0.5f + 0.5f) * 255.0f;
    if (!(v > 0)) return 0; // NaN too
    return v < 255 ? (uint8_t)(v + 0.5f) : 255;
}

#endif
