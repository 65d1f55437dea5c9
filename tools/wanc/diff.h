// wanc diff: every operator of a plan against the model, by the reference (docs/verify.md).
#ifndef WANC_TOOLS_DIFF_H
#define WANC_TOOLS_DIFF_H

#include "plan/plan.h"
#include "reference/ir_eval.h"
#include "wan/wan.h"

#include <stdio.h>

// A tensor that an operator of the running step has left.
struct diff_tensor {
    struct wan_tensor tensor;
    size_t index; // of the operator in its variant
    float *values;
    bool known; // to the reference
};

// How an operator's result compares with what the reference makes of the same operands.
struct diff_result {
    uint64_t step;
    struct wan_tensor tensor;
    struct wan_operator op;
    double error,
        allowed;    // root mean square of the difference, and the limit: as parts of that of the numbers
    double largest; // difference
};

enum { DIFF_LISTED = 8 }; // of the results that differ

// One plan against one model, step by step.
struct diff {
    const struct plan *plan;
    const struct plan_program *program;
    struct wan_session *session; // with diff_observe as its observer, and this as the context
    const struct ir_graph *graphs[PLAN_VARIANTS];
    struct ir_eval eval;
    uint64_t step;
    struct arena arena; // of the running step
    struct diff_tensor *tensors;
    size_t tensor_count, tensor_capacity;
    uint64_t compared, unknown, differing;
    struct diff_result listed[DIFF_LISTED],
        worst; // that differ, in the order of execution; and the worst that agrees
};

wan_observer diff_observe;
void diff_start(struct diff *d, const struct ir_module *m);
void diff_end(struct diff *d);
// Decodes one latent by the plan, then by the reference, in which each result is replaced by the plan's as soon as it is
// compared: so that an operator is judged by itself, and not by the errors of those in front of it.
bool diff_step(struct diff *d, const float *latent, struct error *err);

#endif
