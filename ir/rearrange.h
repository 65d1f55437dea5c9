// The rearrange operator: one description for every movement of elements that computes nothing.
//
// The input's axes are split into atoms, the atoms are reordered, some are repeated, and groups of adjacent
// atoms are merged into the output's axes. In text it is a pattern in the spirit of einops:
//
//     "1 (a:2 b:384) c d e -> 1 b (c a) d e"      temporal interleave: two halves of the channels become
//     frames "1 a b c d -> b c d a"                      channels first to channels last (a unit axis has no
//     atom) "a b c d -> a b (c r:2) (d s:2)"            nearest-neighbour enlargement: an atom only on the
//     right is repeated
//
// Atoms are named a, b, c ... in the order of the input, repeated atoms follow. A size is written where an
// input axis has several atoms, and for repeated atoms; elsewhere it is the axis's own. Axes of size 1 have
// no atom, except a time axis.
#ifndef WANC_IR_REARRANGE_H
#define WANC_IR_REARRANGE_H

#include "ir/ir.h"

// Each constructor returns false when no such rearrangement exists (`r` is then undefined).
bool rearrange_identity(const struct ir_type *in, struct ir_rearrange *r);
// A reshape of row-major data: merges and splits axes without reordering. Fails when an axis would have to be
// cut across unrelated factors (6 -> 4x...), or time mixed with an outer axis.
bool rearrange_reshape(const struct ir_type *in, int rank, const struct ir_dim *dims, struct ir_rearrange *r);
// out axis i = in axis perm[i].
bool rearrange_transpose(const struct ir_type *in, const int64_t *perm, struct ir_rearrange *r);
// Repeats along axis: x0 x1 -> x0 x0 x1 x1 (inner) or x0 x1 x0 x1 (outer). An axis of size 1 becomes
// `factor`.
bool rearrange_repeat(const struct ir_type *in, int axis, int64_t factor, bool inner, struct ir_rearrange *r);
// From the textual pattern; needs the input's type for the sizes.
bool rearrange_parse(const struct ir_type *in, const char *pattern, struct ir_rearrange *r);

// second after first. Fails when atoms would be cut across unrelated factors, or there are too many.
bool rearrange_compose(const struct ir_rearrange *first, const struct ir_rearrange *second,
                       struct ir_rearrange *r);
// The rearrangement of one variant: every size becomes its first or steady part, and time an axis like any
// other.
void rearrange_specialise(const struct ir_rearrange *r, bool steady, struct ir_rearrange *out);
bool rearrange_inverse(const struct ir_rearrange *r, struct ir_rearrange *inverse); // fails if it repeats
// The same rearrangement of inputs with other lengths: size[i] for atom i of r. time_atom as in r.
void rearrange_resize(const struct ir_rearrange *r, const struct ir_dim *size, struct ir_rearrange *out);
// The same with another length for one atom. `out` may be r.
void rearrange_resize_atom(const struct ir_rearrange *r, int atom, struct ir_dim size,
                           struct ir_rearrange *out);

// No element moves, though axes may be merged or split (the same bytes in the same order).
bool rearrange_is_reshape(const struct ir_rearrange *r);
// Not even that: same rank and axes.
bool rearrange_is_identity(const struct ir_rearrange *r);
bool rearrange_equal(const struct ir_rearrange *a, const struct ir_rearrange *b);
int rearrange_repeats(const struct ir_rearrange *r); // number of repeated atoms

// The types on both sides. `dtype` is that of the value. False when time ends up inside of another axis's
// stride (it would not be the outermost atom of its axis): such a graph cannot be streamed.
bool rearrange_in_type(const struct ir_rearrange *r, enum ir_dtype dtype, struct ir_type *t);
bool rearrange_out_type(const struct ir_rearrange *r, enum ir_dtype dtype, struct ir_type *t);
// The number of atoms on the axes in front of one: where its own begin, on the input's side as atoms, on the output's as
// positions in out_order.
int rearrange_first_in(const struct ir_rearrange *r, int axis);
int rearrange_first_out(const struct ir_rearrange *r, int axis);
// The output axis and position within it of an atom.
void rearrange_place(const struct ir_rearrange *r, int atom, int *axis, int *position);
// The input axis of an atom that is not repeated.
int rearrange_source_axis(const struct ir_rearrange *r, int atom);
void rearrange_print(const struct ir_rearrange *r, struct strbuf *out);

#endif
