// merge_slices: a concat whose operands are the consecutive slices of one value moves elements and nothing
// else.
//
// The temporal upsampler of the decoder computes twice the channels and makes them twice the frames:
//
//     %a = slice %y {axis=1, end=1}      # y: [1, 2, C, T, H, W]
//     %b = slice %y {axis=1, start=1, end=2}
//     %c = rearrange %a ..               # drop axis 1, add a unit axis behind T
//     %d = rearrange %b ..
//     %z = concat %c, %d {axis=3}        ->  %z = rearrange %y ..   # axis 1 moves behind T
//
// Exporters spell the slices as Gather, Slice or Split, and the stack with Unsqueeze; all of these arrive
// here as slices and rearrangements. Condition: operand i is R(slice i of n equal parts of one axis that they
// cover), with one R.
#include "ir/rearrange.h"
#include "passes/match.h"
#include "passes/pass.h"

struct part {
    struct ir_value *base;
    struct ir_rearrange after; // R
    int axis;
    int64_t start, length;
};

static bool match_part(struct ir_value *v, struct part *p) {
    struct ir_node *r = match_op(v, IR_REARRANGE), *s = match_op(r ? ir_in(r, 0) : v, IR_SLICE);
    if (s == NULL || ir_attr_int(s, IR_KEY_STEADY_END, 0) != 0) return false;
    p->base = ir_in(s, 0);
    p->axis = (int)ir_attr_int(s, IR_KEY_AXIS, 0);
    p->start = ir_attr_int(s, IR_KEY_START, 0);
    p->length = ir_attr_int(s, IR_KEY_END, 0) - p->start;
    if (r != NULL) p->after = *ir_attr_rearrange(r);
    else rearrange_identity(&ir_out(s)->type, &p->after);
    return rearrange_repeats(&p->after) == 0 && p->axis != p->base->type.time_axis;
}

static bool match_parts(const struct ir_node *n, struct part *first) {
    struct part p;
    int count = n->input_count;
    if (count < 2 || !match_part(ir_in(n, 0), first) || first->start != 0) return false;
    if (!dim_is(first->base->type.dims[first->axis], first->length * count)) return false;
    for (int i = 1; i < count; i++) {
        if (!match_part(ir_in(n, i), &p) || p.base != first->base || p.axis != first->axis ||
            p.length != first->length || p.start != i * p.length || !rearrange_equal(&p.after, &first->after))
            return false;
    }
    return true;
}

// base -> [n, base with the axis cut to one part].
static bool expose_parts(const struct part *p, int n, struct ir_rearrange *r) {
    struct ir_type t = p->base->type;
    struct ir_dim dims[IR_MAX_RANK];
    int64_t perm[IR_MAX_RANK];
    struct ir_rearrange split, move;
    if (t.rank + 1 > IR_MAX_RANK) return false;
    for (int i = 0, k = 0; i < t.rank; i++) {
        if (i == p->axis) dims[k++] = dim_const(n);
        dims[k++] = i == p->axis ? dim_const(p->length) : t.dims[i];
    }
    if (!rearrange_reshape(&t, t.rank + 1, dims, &split) || !rearrange_out_type(&split, t.dtype, &t))
        return false;
    perm[0] = p->axis;
    for (int i = 0, k = 1; i < t.rank; i++) {
        if (i != p->axis) perm[k++] = i;
    }
    return rearrange_transpose(&t, perm, &move) && rearrange_compose(&split, &move, r);
}

// R on everything behind a new leading axis of length n.
static bool lift(const struct ir_rearrange *after, int n, struct ir_rearrange *r) {
    if (after->in_rank + 1 > IR_MAX_RANK || after->out_rank + 1 > IR_MAX_RANK ||
        after->atoms + 1 > IR_MAX_ATOMS)
        return false;
    *r = (struct ir_rearrange){.atoms = after->atoms + 1,
                               .in_atoms = after->in_atoms + 1,
                               .in_rank = after->in_rank + 1,
                               .out_rank = after->out_rank + 1};
    r->time_atom = after->time_atom < 0 ? -1 : after->time_atom + 1;
    r->size[0] = dim_const(n);
    r->in_count[0] = r->out_count[0] = 1;
    for (int i = 0; i < after->in_rank; i++) r->in_count[i + 1] = after->in_count[i];
    for (int i = 0; i < after->out_rank; i++) r->out_count[i + 1] = after->out_count[i];
    for (int i = 0; i < after->atoms; i++) {
        r->size[i + 1] = after->size[i];
        r->out_order[i + 1] = (uint8_t)(after->out_order[i] + 1);
    }
    return true;
}

// [n, .., d, ..] -> [.., n*d, ..]: the leading axis becomes the outer part of the concatenated one.
static bool merge_into(const struct ir_type *t, int axis, const struct ir_type *result,
                       struct ir_rearrange *r) {
    int64_t perm[IR_MAX_RANK];
    struct ir_rearrange move, merge;
    struct ir_type moved;
    for (int i = 0, k = 0; i < t->rank; i++) {
        if (i == axis) perm[k++] = 0;
        if (i + 1 < t->rank) perm[k++] = i + 1;
    }
    return rearrange_transpose(t, perm, &move) && rearrange_out_type(&move, t->dtype, &moved) &&
           rearrange_reshape(&moved, result->rank, result->dims, &merge) &&
           rearrange_compose(&move, &merge, r);
}

static bool visit(struct ir_node *n, bool *progress, struct error *err) {
    (void)err;
    struct part p;
    if (n->op != IR_CONCAT || !match_parts(n, &p)) return true;
    int axis = (int)ir_attr_int(n, IR_KEY_AXIS, 0);
    struct ir_rearrange expose, lifted, merge, front, all;
    struct ir_type t;
    if (!expose_parts(&p, n->input_count, &expose) || !lift(&p.after, n->input_count, &lifted) ||
        !rearrange_compose(&expose, &lifted, &front) || !rearrange_out_type(&front, IR_F32, &t) ||
        !merge_into(&t, axis, &ir_out(n)->type, &merge) || !rearrange_compose(&front, &merge, &all))
        return true;
    struct ir_type check;
    if (!rearrange_out_type(&all, p.base->type.dtype, &check) || !ir_type_equal(&check, &ir_out(n)->type))
        return true;
    struct ir_value *out = match_rearrange(n, p.base, &all);
    out->name = ir_out(n)->name;
    ir_node_replace(n, out);
    *progress = true;
    return true;
}

bool pass_merge_slices(struct ir_module *m, bool *progress, struct error *err) {
    if (!match_each(m, visit, progress, err)) return false;
    return !*progress || pass_fold_rearranges(m, progress, err);
}
