// What the parts of the interpreter share (eval*.c).
#ifndef WANC_PASSES_EVAL_TENSOR_H
#define WANC_PASSES_EVAL_TENSOR_H

#include "ir/ir.h"

enum { EVAL_MAX_ELEMENTS = 1 << 20 };

struct eval_tensor {
    int rank;
    int64_t dims[IR_MAX_RANK];
    size_t count;
    enum ir_dtype dtype;
    const struct ir_dim *ints; // exactly one of these two
    const double *floats;
};

struct eval {
    struct ir_node *n;
    struct arena *scratch;
    struct eval_tensor *in;
    int in_count;
};

// Operators that move elements: each output element names its source element (eval_moves.c). False: not one we evaluate.
typedef bool eval_fn(struct eval *e, struct eval_tensor *out);
eval_fn eval_transpose, eval_slice, eval_reshape, eval_flatten, eval_squeeze, eval_unsqueeze, eval_expand,
    eval_tile, eval_pad, eval_concat;
// All outputs of a Split; `out` has one tensor for each.
eval_fn eval_split;
// By indices (eval_gather.c).
eval_fn eval_gather, eval_gather_elements, eval_gather_nd, eval_scatter_nd;
// Elementwise (eval_elementwise.c), and reductions (eval_reduce.c).
eval_fn eval_elementwise, eval_where, eval_clip, eval_pow, eval_reduce;

// What two integers give under an elementwise operator (or one, twice); `n` has its attributes. False when the
// result is not known for all T, or overflows.
bool eval_int_op(const struct ir_node *n, enum ir_op op, struct ir_dim a, struct ir_dim b, struct ir_dim *r);
// Whether an integer is one of this type.
bool eval_fits(struct ir_dim x, enum ir_dtype dtype);
// Room for `count` elements of the kind that `like` has; the other is NULL.
void eval_room(struct eval *e, const struct eval_tensor *like, size_t count, struct ir_dim **ints,
               double **floats);
// out[i] = in[source[i]] for the shape in `out`; source NULL: i.
bool eval_pick(struct eval *e, const struct eval_tensor *in, const size_t *source, struct eval_tensor *out);

// The number of elements; more than EVAL_MAX_ELEMENTS if that is too many or a dimension is negative.
size_t eval_count(int rank, const int64_t *dims);
// The elements as plain integers; false if one depends on T or there are more than `most`.
bool eval_const_list(const struct eval_tensor *t, int64_t *list, int most);
static inline int64_t eval_clamp(int64_t x, int64_t low, int64_t high) {
    return x < low ? low : x > high ? high : x;
}

#endif
