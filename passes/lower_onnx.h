// One ONNX-level operator to canonical ones.
#ifndef WANC_PASSES_LOWER_ONNX_H
#define WANC_PASSES_LOWER_ONNX_H

#include "ir/ir.h"

// Replaces `n`, an onnx.* node whose operands' types are known and whose parameter operands are constants, by
// canonical nodes with inferred types. The error names the node and why it cannot be done.
bool lower_onnx_node(struct ir_node *n, struct error *err);
// Infers the type of `n`, a canonical node as imported, or replaces it where its operands are such as only ONNX allows.
bool lower_canonical_node(struct ir_node *n, struct error *err);

#endif
