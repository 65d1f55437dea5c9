// sink_rearranges: an elementwise operator does not care how its elements are arranged.
//
//     %a = rearrange %f {"a b c d -> 1 d a b c"}        ->  %y1 = silu %f
//     %y = silu %a                                          %y  = rearrange %y1 {"a b c d -> 1 d a b c"}
//
// Slices and concats sink as well (sink_slices.c). Where the rearrangement repeats elements, or moves channels to
// rows and columns, only what is left of it behind frames moves on, whole axes.
//
// With two operands both must be rearranged alike; where only one is, and that one comes from frames and the
// other does not, the other gets the inverse in front. A constant that varies along the channels follows them
// to the last axis. Moving all rearrangements downwards makes those behind one operator meet those in front of
// the next, and fold_rearranges removes them: what remains is the conversion of the latents, that of the video
// frames, and real work such as temporal interleave.
#include "ir/rearrange.h"
#include "passes/match.h"
#include "passes/pass.h"
#include "passes/roles.h"
#include "passes/sink.h"

static const struct ir_rearrange *movable(const struct ir_value *v) {
    struct ir_node *n = match_op(v, IR_REARRANGE);
    const struct ir_rearrange *r = n ? ir_attr_rearrange(n) : NULL;
    return r && rearrange_repeats(r) == 0 ? r : NULL;
}

// The same numbers in another shape.
static struct ir_value *with_type(struct ir_module *m, const struct ir_value *c, struct ir_type t) {
    struct ir_value *v = ir_constant_new(m, ir_fresh_name(m, c->name), t);
    *v->constant = *c->constant;
    return v;
}

// The axis of `out` along which a constant that broadcasts to it varies; -1: none or several.
static int varying_axis(const struct ir_value *c, const struct ir_type *out) {
    int varying = -1;
    for (int i = 0; i < c->type.rank; i++) {
        if (dim_is(c->type.dims[i], 1)) continue;
        if (varying >= 0) return -1;
        varying = i + out->rank - c->type.rank;
    }
    return varying;
}

// Which element of output axis `axis` the last input axis's element i goes to.
static size_t moved_to(const struct ir_rearrange *r, int axis, size_t i) {
    size_t digit[IR_MAX_ATOMS], at = 0;
    for (int j = 0, atom = r->in_atoms - 1; j < r->in_count[r->in_rank - 1]; j++, atom--) {
        digit[atom] = i % (size_t)r->size[atom].first;
        i /= (size_t)r->size[atom].first;
    }
    for (int j = 0, k = 0; j <= axis; k += r->out_count[j++]) {
        for (int p = k; j == axis && p < k + r->out_count[axis]; p++) {
            at = at * (size_t)r->size[r->out_order[p]].first + digit[r->out_order[p]];
        }
    }
    return at;
}

// Whether all atoms of an output axis come from the last input axis.
static bool comes_from_last(const struct ir_rearrange *r, int axis) {
    for (int j = 0, k = rearrange_first_out(r, axis); j < r->out_count[axis]; j++, k++) {
        if (r->out_order[k] >= r->in_atoms || r->out_order[k] < r->in_atoms - r->in_count[r->in_rank - 1])
            return false;
    }
    return true;
}

// A constant against the value behind `r`, as it must look in front of r: a scalar stays, one that varies
// along an axis that r made of the last axis becomes a vector. NULL if it varies otherwise.
static struct ir_value *constant_in_front(struct ir_module *m, struct ir_value *c, const struct ir_type *out,
                                          const struct ir_type *in, const struct ir_rearrange *r) {
    if (c->constant->count == 1)
        return c->type.rank <= in->rank ? c : with_type(m, c, ir_type_make(IR_F32, 0, NULL));
    int axis = varying_axis(c, out), last = in->rank - 1;
    if (axis < 0 || r->time_atom >= r->in_atoms - r->in_count[last] || !comes_from_last(r, axis)) return NULL;
    if (r->in_count[last] == 1 && r->out_count[axis] == 1)
        return with_type(m, c, ir_type_make(IR_F32, 1, &in->dims[last]));
    size_t count = (size_t)in->dims[last].first;
    float *values = arena_array(&m->arena, count + 1, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)ir_constant_float(c->constant, moved_to(r, axis, i));
    return ir_constant_floats(m, c->name, 1, &in->dims[last], values);
}

// Whether an operator on frames computed the value, perhaps with elementwise ones behind it.
static bool is_frames(const struct ir_value *v) {
    while (v->def != NULL && (ir_info(v->def)->flags & IR_ELEMENTWISE)) {
        v = ir_in(v->def, ir_in(v->def, 0)->constant && v->def->input_count > 1 ? 1 : 0);
    }
    return v->def != NULL && ir_info(v->def)->level == IR_LEVEL_FRAME;
}

// The other operand of a binary node as it must be in front of r; NULL if that cannot be.
static struct ir_value *in_front(struct ir_node *n, struct ir_value *v, const struct ir_value *source,
                                 const struct ir_rearrange *r) {
    struct ir_rearrange inverse;
    const struct ir_rearrange *own = movable(v);
    const struct ir_type *in = &source->type;
    if (v->constant)
        return ir_is_float_constant(v)
                   ? constant_in_front(n->block->graph->module, v, &ir_out(n)->type, in, r)
                   : NULL;
    if (!ir_type_equal(&v->type, &ir_out(n)->type)) return NULL;
    if (own && rearrange_equal(own, r)) return ir_in(v->def, 0);
    if (!is_frames(source) || is_frames(v))
        return NULL; // frames stay where they are, only others come to them
    return rearrange_inverse(r, &inverse) ? match_rearrange(n, v, &inverse) : NULL;
}

// Whether it only reorders whole axes.
static bool keeps_axes(const struct ir_rearrange *r) {
    for (int i = 0; i < r->in_rank; i++) {
        if (r->in_count[i] > 1) return false;
    }
    for (int i = 0; i < r->out_rank; i++) {
        if (r->out_count[i] > 1) return false;
    }
    return true;
}

// The operand whose rearrangement moves on: rather one of whole axes than one that the other would have to undo.
static int leading_operand(const struct ir_node *n) {
    const struct ir_rearrange *a = movable(ir_in(n, 0)),
                              *b = n->input_count > 1 ? movable(ir_in(n, 1)) : NULL;
    if (a && b && !keeps_axes(a) && keeps_axes(b)) return 1;
    return a ? 0 : b ? 1 : -1;
}

// Puts the operator on `inputs`, and `r` behind it, in the place of n.
static bool rebuild(struct ir_node *n, struct ir_value **inputs, const struct ir_rearrange *r,
                    struct error *err) {
    struct ir_node *f = ir_insert(n, n->op, n->input_count, inputs);
    ir_attr_copy_all(f, n);
    if (!ir_infer_node(f, err)) return false;
    struct ir_value *moved = match_rearrange(n, ir_out(f), r);
    ir_take_name(ir_out(f), ir_out(n), r); // the computation keeps the name
    ir_node_replace(n, moved);
    return true;
}

static bool sink(struct ir_node *n, bool *progress, struct error *err) {
    int lead = leading_operand(n);
    if (lead < 0 || n->input_count > 2 || !ir_type_equal(&ir_in(n, lead)->type, &ir_out(n)->type))
        return true;
    const struct ir_rearrange *r = movable(ir_in(n, lead));
    struct ir_value *inputs[2] = {NULL, NULL}, *source = ir_in(ir_in(n, lead)->def, 0);
    inputs[lead] = source;
    if (n->input_count == 2) inputs[1 - lead] = in_front(n, ir_in(n, 1 - lead), source, r);
    if (n->input_count == 2 && inputs[1 - lead] == NULL) return true;
    *progress = true;
    return rebuild(n, inputs, r, err);
}

static bool repeats(const struct ir_value *v) {
    struct ir_node *n = match_op(v, IR_REARRANGE);
    return n != NULL && rearrange_repeats(ir_attr_rearrange(n)) > 0;
}

// Behind a rearrangement that repeats elements: the operands become frames, and the result what it was.
static bool compute_in_frames(struct ir_node *n, bool *progress, struct error *err) {
    struct ir_value *inputs[2] = {NULL, NULL};
    const struct ir_type *out = &ir_out(n)->type;
    enum role role[IR_MAX_RANK];
    struct ir_rearrange there, back;
    struct ir_type frames;
    bool any = repeats(ir_in(n, 0)) || (n->input_count == 2 && repeats(ir_in(n, 1)));
    if (!any || n->input_count > 2 || out->time_axis >= 0 || !roles_of_value(ir_out(n), role) ||
        !roles_to_frames(out, role, &there) || rearrange_is_identity(&there) ||
        !rearrange_inverse(&there, &back) || !rearrange_out_type(&there, out->dtype, &frames))
        return true;
    for (int i = 0; i < n->input_count; i++) {
        struct ir_value *v = ir_in(n, i);
        if (ir_is_float_constant(v))
            inputs[i] = constant_in_front(n->block->graph->module, v, out, &frames, &back);
        if (v->constant ? inputs[i] == NULL : !ir_type_equal(&v->type, out)) return true;
    }
    for (int i = 0; i < n->input_count; i++) {
        if (!ir_in(n, i)->constant) inputs[i] = match_rearrange(n, ir_in(n, i), &there);
    }
    *progress = true;
    return rebuild(n, inputs, &back, err);
}

static bool visit(struct ir_node *n, bool *progress, struct error *err) {
    if (n->op == IR_SLICE) return sink_slice(n, progress, err);
    if (n->op == IR_CONCAT) return sink_concat(n, progress, err);
    if (!(ir_info(n)->flags & IR_ELEMENTWISE) || n->output_count != 1) return true;
    bool sunk = false;
    bool ok = sink(n, &sunk, err) && (sunk || compute_in_frames(n, &sunk, err));
    *progress = *progress || sunk;
    return ok;
}

// ---- latents

// The rearrangement of latents of one frame to [1, h, w, C]: what is neither height nor width is their channels,
// wherever that axis stands.
static bool latents_to_frames(const struct ir_type *z, struct ir_rearrange *r) {
    struct ir_dim flat[3] = {dim_const(1), z->dims[z->rank - 2], z->dims[z->rank - 1]};
    static const int64_t perm[] = {1, 2, 0};
    struct ir_rearrange merge, move, both, split;
    struct ir_type t, moved;
    for (int i = 0; i < z->rank - 2; i++) {
        if (!dim_mul(flat[0], z->dims[i], &flat[0])) return false;
    }
    struct ir_dim frames[4] = {dim_const(1), flat[1], flat[2], flat[0]};
    t = ir_type_make(IR_F32, 3, flat);
    return rearrange_reshape(z, 3, flat, &merge) && rearrange_transpose(&t, perm, &move) &&
           rearrange_out_type(&move, IR_F32, &moved) && rearrange_reshape(&moved, 4, frames, &split) &&
           rearrange_compose(&merge, &move, &both) && rearrange_compose(&both, &split, r);
}

static bool feeds_elementwise(const struct ir_value *v) {
    for (const struct ir_use *u = v->uses; u != NULL; u = u->next) {
        if (ir_info(u->user)->flags & IR_ELEMENTWISE) return true;
    }
    return false;
}

// Latents may be computed with before a convolution makes frames of them: they are denormalised, say. Such a use then
// reads a rearrangement of their frames, and what is computed can sink through it.
//
//     %d = mul %z, @std        ->  %f = rearrange %z {pattern="1 a 1 b c -> 1 b c a"}
//                                  %r = rearrange %f {pattern="1 a b c -> 1 c 1 a b"}
//                                  %d = mul %r, @std
static bool latents_in_frames(struct ir_graph *g) {
    struct ir_value *z = g->input_count == 1 ? g->inputs[0] : NULL;
    struct ir_rearrange there, back, all;
    bool changed = false;
    if (z == NULL || z->type.rank != 5 || z->uses == NULL || !latents_to_frames(&z->type, &there) ||
        !rearrange_inverse(&there, &back))
        return false;
    struct ir_value *f = match_rearrange(g->body.head, z, &there);
    for (struct ir_use *u = z->uses, *next; u != NULL; u = next) {
        struct ir_node *n = u->user;
        next = u->next;
        bool moved = n->op == IR_REARRANGE, elementwise = ir_info(n)->flags & IR_ELEMENTWISE;
        if (n == f->def ||
            (moved && (ir_type_equal(&ir_out(n)->type, &f->type) || !feeds_elementwise(ir_out(n)))))
            continue;
        if (moved && rearrange_compose(&back, ir_attr_rearrange(n), &all)) {
            ir_node_replace(n, match_rearrange(n, f, &all));
        } else if (elementwise) ir_node_set_input(n, (int)(u - n->inputs), match_rearrange(n, f, &back));
        else continue;
        changed = true;
    }
    if (!changed) ir_node_remove(f->def);
    return changed;
}

static bool fold(struct ir_module *m, bool *progress, struct error *err) {
    return pass_fold_rearranges(m, progress, err) && pass_eliminate_common(m, progress, err) &&
           pass_eliminate_dead(m, progress, err);
}

// What one round moves down may meet, composed, what stopped it.
bool pass_sink_rearranges(struct ir_module *m, bool *progress, struct error *err) {
    bool changed = false, moved = true;
    for (struct ir_graph *g = m->graphs; g != NULL; g = g->next) changed = latents_in_frames(g) || changed;
    while (moved) {
        moved = false;
        if (!match_each(m, visit, &moved, err)) return false;
        changed = changed || moved;
        if (changed && !fold(m, &changed, err)) return false;
    }
    *progress = *progress || changed;
    return true;
}
