// Convolutions over time, and what they become: what derive_caches, pair_caches and reroll share.
#ifndef WANC_PASSES_CAUSAL_CONV_H
#define WANC_PASSES_CAUSAL_CONV_H

#include "ir/ir.h"

// Whether a step's result, a video ([B, T, C, H, W] or [B, C, T, H, W]) or a list of frames, has more than one of them.
bool has_several_frames(const struct ir_type *result);
// The length of the kernel in time.
int64_t conv_kernel_frames(const struct ir_node *conv);
// A 3D convolution whose constant kernel has more than one frame.
bool is_time_conv(const struct ir_node *n);
// Replaces `conv`, a 3D convolution, by a causal convolution of x with that cache. Its padding in time is
// dropped.
struct ir_node *causal_conv_new(struct ir_node *conv, struct ir_value *x, struct ir_cache *cache);
// Declares the next cache, c0, c1, ... : the last `frames` of a value of type `x` ([1, C, T, H, W]).
struct ir_cache *causal_cache_new(struct ir_module *m, struct ir_type x, int64_t frames,
                                  const char *producer);

#endif
