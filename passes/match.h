// Small questions that the recognising passes ask.
#ifndef WANC_PASSES_MATCH_H
#define WANC_PASSES_MATCH_H

#include "ir/ir.h"

// The node that computes `v`, if its operator is `op`; else NULL.
struct ir_node *match_op(const struct ir_value *v, enum ir_op op);
// A float constant whose elements are all equal (a scalar in effect, small), and that value.
bool match_splat(const struct ir_value *v, double *value);
// A binary node with a splat on one side: the other operand; NULL if there is none. `right_only`: the constant
// must be the second operand.
struct ir_value *match_splat_operand(const struct ir_node *n, bool right_only, double *value);
// The number of a constant in half precision is `exact` where that rounds to it: exporters round sqrt(C) to the precision
// of the model, PyTorch computes with it in fp32. Any other constant is what it says.
double match_unrounded(const struct ir_value *v, double exact);
// The value behind rearrangements that only repeat elements (an ONNX Expand in front of a broadcasting
// operator).
struct ir_value *match_skip_expand(struct ir_value *v);
// Applies `fn` to every node of every graph, in order; `fn` may remove or replace the node it is given.
typedef bool match_fn(struct ir_node *n, bool *progress, struct error *err);
bool match_each(struct ir_module *m, match_fn *fn, bool *progress, struct error *err);
// Whether two attributes are the same (passes/eliminate.c).
bool match_attr_equal(const struct ir_attr *a, const struct ir_attr *b);
// Zeros of that type in front of `at`: one element, repeated. NULL if a length is not known.
struct ir_value *match_zeros(struct ir_node *at, const struct ir_type *t);
// Elements start .. end - 1 of `v` along an axis, in front of `at`; `v` itself if those are all.
struct ir_value *match_slice(struct ir_node *at, struct ir_value *v, int axis, int64_t start, int64_t end);
// Inserts a rearrangement of `v` in front of `at` and returns its result.
struct ir_value *match_rearrange(struct ir_node *at, struct ir_value *v, const struct ir_rearrange *r);

#endif
