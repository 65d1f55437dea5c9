// The work of an operator: what it computes, and how many bytes it must move.
#ifndef WANC_PLAN_WORK_H
#define WANC_PLAN_WORK_H

#include "plan/plan.h"

// Floating-point operations count a multiplication and an addition as two.
struct plan_work {
    // Of the formula in plan.h: of a convolution 2 * outputs * taps * kernel_h * kernel_w * in.channels, of attention
    // 4 * frames * positions^2 * channels (two products); nothing of elementwise operators, which move memory.
    double flops;
    // Inside of matrix products, as the algorithm of the operator executes them: Winograd's are fewer, with what tiles and
    // columns are padded by.
    double product_flops;
    // Of the views and constants that it reads and writes, each once: of a convolution's weights those of its taps, of a
    // history the taps - 1 frames that it reads and those of the window that it leaves there.
    double bytes;
};

// The operator must be one of `program`, which is one of a verified plan. `threads` decides about the blocks of
// Winograd's algorithms.
struct plan_work plan_work(const struct plan *plan, const struct plan_program *program,
                           const struct plan_op *op, uint32_t threads);

#endif
