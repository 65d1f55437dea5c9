// What the lowerings of ONNX operators share (lower_onnx.c, lower_moves.c).
#ifndef WANC_PASSES_LOWER_H
#define WANC_PASSES_LOWER_H

#include "ir/rearrange.h"

typedef bool lower_fn(struct ir_node *n, struct error *err);

// Operators that only move elements: each becomes rearrangements and slices (lower_moves.c).
lower_fn lower_reshape, lower_flatten, lower_squeeze, lower_unsqueeze, lower_transpose, lower_expand,
    lower_tile, lower_constant_of_shape, lower_resize, lower_slice, lower_split, lower_gather,
    lower_gather_nd;
// Blocks of pixels to channels and back (lower_space.c).
lower_fn lower_depth_to_space, lower_space_to_depth;
// Operators that become several, or one in a special case (lower_compute.c, lower_einsum.c). lower_pow and lower_matmul take
// canonical nodes, whose operands ONNX allows to be more than the IR does; they may leave them as they are.
lower_fn lower_min_max, lower_where, lower_pow, lower_matmul, lower_attention, lower_rms_norm, lower_einsum;

// An error that names the node. Always false.
bool lower_refuse(const struct ir_node *n, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// Replaces the node by `with`, which takes over its name if it was made for this node.
void lower_replace(struct ir_node *n, struct ir_value *with);
// A parameter operand as constant integers; *count -1 when it is absent. `list` has room for 2 * IR_MAX_RANK.
bool lower_int_list(const struct ir_node *n, int input, int64_t *list, int *count, struct error *err);
// Axes from an operand, else from the attribute; negative ones counted from the end of `rank`. *count -1 when absent.
bool lower_axes_list(const struct ir_node *n, int input, int rank, int64_t *axes, int *count,
                     struct error *err);
bool lower_one_axis(const struct ir_node *n, int64_t otherwise, int rank, int *axis, struct error *err);
// Replaces the node by x reshaped.
bool lower_reshape_to(struct ir_node *n, struct ir_value *x, int rank, const struct ir_dim *dims,
                      struct error *err);
// Replaces the node by x, broadcast to at least these dims.
bool lower_expand_to(struct ir_node *n, struct ir_value *x, int count, const struct ir_dim *shape,
                     struct error *err);
// A node on a (and b, unless NULL) in front of `at`: its result, NULL if they do not fit.
struct ir_value *lower_insert(struct ir_node *at, enum ir_op op, struct ir_value *a, struct ir_value *b);
// x reshaped or transposed by a rearrangement in front of the node (x itself where nothing changes); NULL if there is none.
struct ir_value *lower_reshaped(struct ir_node *at, struct ir_value *x, int rank, const struct ir_dim *dims);
struct ir_value *lower_transposed(struct ir_node *at, struct ir_value *x, const int64_t *perm);

#endif
