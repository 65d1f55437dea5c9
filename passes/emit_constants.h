// The constants of a plan: laid out as the kernels want them, and each written once, whichever variant, latent
// size or module uses it.
#ifndef WANC_PASSES_EMIT_CONSTANTS_H
#define WANC_PASSES_EMIT_CONSTANTS_H

#include "ir/ir.h"
#include "plan/write.h"

struct emit_written;

struct emit_constants {
    struct arena *arena; // must live until the plan is saved
    struct plan_writer *w;
    struct emit_written *written; // so far
};

struct emit_fill { // a constant as the plan wants it
    const struct ir_constant *c;
    uint64_t out, in, taps, height, width; // of a convolution weight; `out` 0: plain
    double scale, reciprocal;              // plain: value * scale, or scale / value
};

// Each returns the constant's index in the plan. The value must be a float constant with data.
uint32_t emit_constant(struct emit_constants *e, const struct ir_value *v, struct emit_fill fill,
                       uint64_t count);
uint32_t emit_vector(struct emit_constants *e, const struct ir_value *v, uint64_t count);
uint32_t emit_weight(struct emit_constants *e, const struct ir_value *v); // of a convolution

#endif
