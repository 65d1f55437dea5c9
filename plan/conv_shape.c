#include "plan/conv_shape.h"

#include "plan/winograd.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct plan_conv_shape plan_conv_shape(const struct plan_conv *p, const struct plan_view *in,
                                       const struct plan_view *out) {
    return (struct plan_conv_shape){.frames = out->frames / p->interleave,
                                    .height = in->height,
                                    .width = in->width,
                                    .in = in->channels,
                                    .out = out->channels,
                                    .kernel_h = p->kernel_h,
                                    .kernel_w = p->kernel_w,
                                    .taps = p->taps,
                                    .stride_h = p->stride_h,
                                    .stride_w = p->stride_w,
                                    .pad_top = p->pad_top,
                                    .pad_left = p->pad_left,
                                    .pad_bottom = p->pad_bottom,
                                    .pad_right = p->pad_right,
                                    .interleave = p->interleave,
                                    .upsample = p->upsample};
}

bool plan_conv_shape_equal(const struct plan_conv_shape *a, const struct plan_conv_shape *b) {
    return memcmp(a, b, sizeof *a) == 0; // no padding: all fields are of one type
}

const char *plan_conv_shape_text(const struct plan_conv_shape *s, char text[PLAN_CONV_SHAPE_TEXT]) {
    int n = snprintf(text, PLAN_CONV_SHAPE_TEXT, "%ux%ux%u %u->%u kernel %ux%ux%u pad %u,%u,%u,%u", s->frames,
                     s->height, s->width, s->in, s->out, s->taps, s->kernel_h, s->kernel_w, s->pad_top,
                     s->pad_left, s->pad_bottom, s->pad_right);
    if (s->stride_h != 1 || s->stride_w != 1)
        n +=
            snprintf(text + n, (size_t)(PLAN_CONV_SHAPE_TEXT - n), " stride %ux%u", s->stride_h, s->stride_w);
    if (s->interleave != 1)
        n += snprintf(text + n, (size_t)(PLAN_CONV_SHAPE_TEXT - n), " interleave %u", s->interleave);
    if (s->upsample != 1) snprintf(text + n, (size_t)(PLAN_CONV_SHAPE_TEXT - n), " upsample %u", s->upsample);
    return text;
}

static uint32_t out_extent(uint32_t in, uint32_t upsample, uint32_t pads, uint32_t kernel, uint32_t stride) {
    return (in * upsample + pads - kernel) / stride + 1;
}

struct plan_conv_case plan_conv_case(const struct plan_conv_shape *s, uint32_t algorithm) {
    struct plan_conv_case c = {.params = {.kernel_t = s->taps,
                                          .kernel_h = s->kernel_h,
                                          .kernel_w = s->kernel_w,
                                          .taps = s->taps,
                                          .stride_h = s->stride_h,
                                          .stride_w = s->stride_w,
                                          .pad_top = s->pad_top,
                                          .pad_left = s->pad_left,
                                          .pad_bottom = s->pad_bottom,
                                          .pad_right = s->pad_right,
                                          .interleave = s->interleave,
                                          .upsample = s->upsample,
                                          .min = -INFINITY,
                                          .max = INFINITY,
                                          .algorithm = algorithm}};
    uint32_t block = plan_block_channels(&c.params, s->in);
    c.params.block_channels = block < s->out ? block : s->out;
    c.in = (struct plan_view){
        .frames = s->frames + s->taps - 1, .height = s->height, .width = s->width, .channels = s->in};
    c.out = (struct plan_view){
        .frames = s->frames * s->interleave,
        .height = out_extent(s->height, s->upsample, s->pad_top + s->pad_bottom, s->kernel_h, s->stride_h),
        .width = out_extent(s->width, s->upsample, s->pad_left + s->pad_right, s->kernel_w, s->stride_w),
        .channels = s->out};
    return c;
}

bool plan_conv_shape_allows(const struct plan_conv_shape *s, uint32_t algorithm) {
    struct plan_conv_case c = plan_conv_case(s, algorithm < PLAN_CONV_ALGORITHMS ? algorithm : 0);
    return algorithm == PLAN_CONV_DIRECT || plan_winograd_applies(&c.params, algorithm);
}
