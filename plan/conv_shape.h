// The shape of a convolution: all that decides how it may be computed and how long that takes, nothing of what it
// computes. Convolutions of one shape are chosen, measured and remembered together.
#ifndef WANC_PLAN_CONV_SHAPE_H
#define WANC_PLAN_CONV_SHAPE_H

#include "plan/plan.h"

struct plan_conv_shape {
    uint32_t frames;        // for which sums are computed: those of the output / interleave
    uint32_t height, width; // of the input's image
    uint32_t in, out;       // channels
    uint32_t kernel_h, kernel_w, taps;
    uint32_t stride_h, stride_w, pad_top, pad_left, pad_bottom, pad_right;
    uint32_t interleave, upsample;
};

struct plan_conv_shape plan_conv_shape(const struct plan_conv *p, const struct plan_view *in,
                                       const struct plan_view *out);
bool plan_conv_shape_equal(const struct plan_conv_shape *a, const struct plan_conv_shape *b);
// "4x240x416 96->96 kernel 3x3x3 pad 1,1,1,1": frames and image, channels, taps and kernel; strides, interleave and
// upsample follow where they are not 1. Different shapes have different texts.
enum { PLAN_CONV_SHAPE_TEXT = 192 };
const char *plan_conv_shape_text(const struct plan_conv_shape *s, char text[PLAN_CONV_SHAPE_TEXT]);

// The convolution of this shape by an algorithm, without bias, clamp, or anything before and behind it, and the
// dimensions of what it reads (the window) and writes. Strides and places of these views are zero.
struct plan_conv_case {
    struct plan_conv params;
    struct plan_view in, out;
};
struct plan_conv_case plan_conv_case(const struct plan_conv_shape *s, uint32_t algorithm);
// Whether an algorithm, DIRECT included, computes convolutions of this shape.
bool plan_conv_shape_allows(const struct plan_conv_shape *s, uint32_t algorithm);

#endif
