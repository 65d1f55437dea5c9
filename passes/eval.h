// Evaluation of operators whose operands are all constants: the shape arithmetic between tensors.
#ifndef WANC_PASSES_EVAL_H
#define WANC_PASSES_EVAL_H

#include "ir/ir.h"

// If every operand of `n` is a constant (or n is onnx.shape of a value whose type is known) and the operator
// is one that we evaluate, replaces the node's outputs by constants and returns true. The node is then unused
// and the caller removes it. Leaves everything as it is and returns false otherwise.
bool eval_node(struct ir_node *n);

#endif
