// The operators of ir_eval.c that compute sums.
#ifndef WANC_TESTS_IR_EVAL_OPS_H
#define WANC_TESTS_IR_EVAL_OPS_H

#include "support/ir_eval.h"

// One node's operands (absent ones are NULL), and where its result's memory comes from. An operator returns a tensor of rank -1
// when its operands do not fit.
struct ir_eval_call {
    struct ir_eval *eval;
    struct arena *arena;
    const struct ir_node *node;
    const struct ir_tensor *const *in;
};

typedef struct ir_tensor ir_eval_fn(const struct ir_eval_call *c);
ir_eval_fn ir_eval_matmul, ir_eval_reduce, ir_eval_softmax, ir_eval_conv, ir_eval_causal_conv,
    ir_eval_rms_norm, ir_eval_attention;

static inline struct ir_tensor ir_eval_unfit(void) { return (struct ir_tensor){.rank = -1}; }

#endif
