// Convolutions for tests: 3x3 in space, padded so that images keep their size.
#ifndef WANC_TESTS_SAME_CONV_H
#define WANC_TESTS_SAME_CONV_H

#include "plan/conv_shape.h"

static inline struct plan_conv_shape same_conv_shape(uint32_t size, uint32_t channels, uint32_t taps) {
    return (struct plan_conv_shape){.frames = 4,
                                    .height = size,
                                    .width = size,
                                    .in = channels,
                                    .out = channels,
                                    .kernel_h = 3,
                                    .kernel_w = 3,
                                    .taps = taps,
                                    .stride_h = 1,
                                    .stride_w = 1,
                                    .pad_top = 1,
                                    .pad_left = 1,
                                    .pad_bottom = 1,
                                    .pad_right = 1,
                                    .interleave = 1,
                                    .upsample = 1};
}

// With three taps in its weights, of which `taps` are used; blocks of 32 channels.
static inline struct plan_conv same_conv(uint32_t algorithm, uint32_t taps) {
    struct plan_conv_shape s = same_conv_shape(8, 32, taps);
    struct plan_conv c = plan_conv_case(&s, algorithm).params;
    c.kernel_t = 3;
    c.block_channels = 32;
    return c;
}

#endif
