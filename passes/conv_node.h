// A convolution node (frame_conv, stream_conv) in the terms of a plan.
#ifndef WANC_PASSES_CONV_NODE_H
#define WANC_PASSES_CONV_NODE_H

#include "ir/ir.h"
#include "plan/conv_shape.h"
#include "plan/winograd.h"

// Whether a plan can have it: its numbers are in range, and its algorithm, if it has one already, computes such a convolution.
bool conv_node_check(const struct ir_node *n, struct error *err);
// The others are for nodes of which that is known. Without what a stream_conv does in front of its convolution.
struct plan_conv conv_node_params(const struct ir_node *n);
struct plan_conv_shape conv_node_shape(const struct ir_node *n);
// Of a node with an algorithm other than DIRECT: all rows of the result, computed at a time.
struct plan_winograd conv_node_winograd(const struct ir_node *n, uint32_t threads);

#endif
