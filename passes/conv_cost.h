// What a convolution costs by each algorithm: work of a few kinds is counted from its shape, and each kind has a
// measured price. Good to rank the algorithms of one shape; docs/choice.md says how good.
#ifndef WANC_PASSES_CONV_COST_H
#define WANC_PASSES_CONV_COST_H

#include "plan/conv_shape.h"

// Of the thread that has the most to do.
enum conv_work_kind {
    CONV_WORK_PRODUCTS, // floating-point operations in matrix products, their rows and columns filled up
    CONV_WORK_NARROW,   // those in products of few columns, for which XNNPACK has only a slow kernel
    CONV_WORK_POINTERS, // DIRECT: to the pixels under each kernel element, made anew for each operator and frame
    CONV_WORK_WEIGHTS, // bytes of packed weights, each time that they are read
    CONV_WORK_PATCH,   // floats of the patches of tiles: filled, and transformed
    CONV_WORK_RESULTS, // floats that the products leave for the transform back
    CONV_WORK_INVERSE, // additions of this transform
    CONV_WORK_KINDS
};
extern const char *const conv_work_name[CONV_WORK_KINDS];

struct conv_work {
    double count[CONV_WORK_KINDS];
};

enum { CONV_COST_THREADS = 2 }; // of the machine on which the prices were measured

struct conv_work conv_work(const struct plan_conv_shape *s, uint32_t algorithm, uint32_t threads);
// Seconds beside a direct convolution of several taps: it needs its window in memory, with copies of the cache's frames
// into it and of the last frames back. 0 for others.
double conv_window_cost(const struct plan_conv_shape *s, uint32_t algorithm);
// Seconds on that machine.
double conv_cost(const struct plan_conv_shape *s, uint32_t algorithm);
// Memory that a convolution keeps or needs, in bytes: its packed weights, and the window that a direct one reads.
double conv_bytes(const struct plan_conv_shape *s, uint32_t algorithm);
// Memory that it needs while it runs, and that all convolutions share: blocks of an image, or pointers to its pixels.
double conv_workspace(const struct plan_conv_shape *s, uint32_t algorithm, uint32_t threads);

#endif
