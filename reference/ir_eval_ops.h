// The operators of ir_eval.c that compute sums (ir_eval_ops.c), and those of frames (ir_eval_frames.c).
#ifndef WANC_REFERENCE_IR_EVAL_OPS_H
#define WANC_REFERENCE_IR_EVAL_OPS_H

#include "reference/ir_eval.h"

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
ir_eval_fn ir_eval_window, ir_eval_cache_push, ir_eval_frame_pad, ir_eval_frame_upsample, ir_eval_frame_norm,
    ir_eval_frame_conv, ir_eval_stream_conv;

// x * scale / max(|x|, epsilon) * gamma along an axis, by the attributes of the node; gamma may be NULL.
struct ir_tensor ir_eval_norm(const struct ir_eval_call *c, const struct ir_tensor *x,
                              const struct ir_tensor *gamma, int axis);

static inline struct ir_tensor ir_eval_unfit(void) { return (struct ir_tensor){.rank = -1}; }

#endif
