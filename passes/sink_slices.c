// Part of sink_rearranges: slices and concats run in front of rearrangements.
//
// A slice cuts the outermost atom of its axis, if its bounds lie between elements of that atom: a repeated atom
// becomes shorter, one of the input cuts the input.
//
//     %u = rearrange %x {"1 b c d -> 1 d e:2 (b f:2) (c g:2)"}       # nearest, in time too
//     %y = slice %u {axis=2, start=1, end=2}                     ->  %y = rearrange %x {"1 b c d -> 1 d 1 ..."}
//
// If the atom lies inside of an axis of the input (time that comes from channels), only that atom is moved, to
// where it can be cut, and the rest of the rearrangement is left for what the slice keeps. A concat moves in
// front as a whole: each operand is rearranged to frames, and the result back.
#include "passes/sink.h"

#include "ir/rearrange.h"
#include "passes/match.h"
#include "passes/roles.h"

struct cut {
    struct ir_rearrange r;
    struct ir_value *x; // what r rearranges
    int axis;           // of the result, and its slice
    int64_t start, end;
};

// Product of the sizes behind the outermost atom of an output axis.
static int64_t inner_size(const struct ir_rearrange *r, int axis) {
    int64_t q = 1;
    for (int j = 1, k = rearrange_first_out(r, axis); j < r->out_count[axis]; j++)
        q *= r->size[r->out_order[k + j]].first;
    return q;
}

// The input axis whose outermost atom this is, and the elements behind it; -1: it lies inside of an axis.
static int axis_led_by(const struct ir_rearrange *r, int atom, int64_t *inner) {
    for (int axis = 0, k = 0; axis < r->in_rank; k += r->in_count[axis++]) {
        if (k != atom || r->in_count[axis] == 0) continue;
        *inner = 1;
        for (int j = 1; j < r->in_count[axis]; j++) *inner *= r->size[k + j].first;
        return axis;
    }
    return -1;
}

// Cuts the outermost atom of the axis to the blocks that the slice touches.
static bool cut_outermost(struct ir_node *at, struct cut *c) {
    struct ir_rearrange *r = &c->r;
    int atom = r->out_order[rearrange_first_out(r, c->axis)];
    int64_t q = inner_size(r, c->axis), from = c->start / q, to = (c->end + q - 1) / q, inner;
    if (to - from == r->size[atom].first) return false;
    if (atom < r->in_atoms) {
        int axis = axis_led_by(r, atom, &inner);
        if (axis < 0) return false;
        c->x = match_slice(at, c->x, axis, from * inner, to * inner);
    }
    rearrange_resize_atom(r, atom, dim_const(to - from), r);
    c->start -= from * q, c->end -= from * q;
    return true;
}

static bool lies_in(const struct ir_rearrange *r, int atom, int axis) {
    int found, position;
    rearrange_place(r, atom, &found, &position);
    return found == axis;
}

// An input axis of which no atom goes elsewhere, best one that has atoms.
static int axis_for(const struct ir_rearrange *r, int out_axis) {
    int best = -1;
    for (int axis = 0, atom = 0; axis < r->in_rank; axis++) {
        bool only = true;
        for (int j = 0; j < r->in_count[axis]; j++, atom++) only = only && lies_in(r, atom, out_axis);
        if (only && (best < 0 || (r->in_count[best] == 0 && r->in_count[axis] > 0))) best = axis;
    }
    return best;
}

static int64_t length_of(const struct ir_rearrange *r, int axis) {
    return r->out_count[axis]
               ? inner_size(r, axis) * r->size[r->out_order[rearrange_first_out(r, axis)]].first
               : 1;
}

// Moves the atoms of an output axis to input axis `to`, whole and in their order, and nothing else.
static void only_axis(const struct ir_rearrange *r, int out_axis, int to, struct ir_rearrange *first) {
    struct ir_rearrange f = *r;
    int k = 0;
    f.out_rank = r->in_rank;
    for (int axis = 0, atom = 0; axis < r->in_rank; axis++) {
        int before = k, moved = rearrange_first_out(r, out_axis);
        for (int j = 0; axis == to && j < r->out_count[out_axis]; j++)
            f.out_order[k++] = r->out_order[moved + j];
        for (int j = 0; j < r->in_count[axis]; j++, atom++) {
            if (!lies_in(r, atom, out_axis)) f.out_order[k++] = (uint8_t)atom;
        }
        f.out_count[axis] = (uint8_t)(k - before);
    }
    for (int atom = r->in_atoms; atom < r->atoms; atom++) { // what repeats elsewhere: once, which is no atom
        if (lies_in(r, atom, out_axis)) continue;
        f.out_order[k++] = (uint8_t)atom;
        f.out_count[r->in_rank - 1]++;
        f.size[atom] = dim_const(1);
    }
    rearrange_specialise(&f, false, first);
}

static int add_atom(struct ir_rearrange *r, struct ir_dim size) {
    r->size[r->atoms] = size;
    return r->atoms++;
}

// What is left of r behind that, when the axis has become one atom of `length` elements.
static void without_axis(const struct ir_rearrange *r, int out_axis, int to, int64_t length,
                         struct ir_rearrange *rest) {
    struct ir_rearrange s = {.time_atom = -1, .in_rank = r->in_rank, .out_rank = r->out_rank};
    int number[IR_MAX_ATOMS], joined = 0; // atoms of r, and the axis, as atoms of s
    for (int axis = 0, atom = 0; axis < r->in_rank; axis++) {
        int before = s.atoms;
        if (axis == to) joined = add_atom(&s, dim_const(length));
        for (int j = 0; j < r->in_count[axis]; j++, atom++) {
            if (!lies_in(r, atom, out_axis)) number[atom] = add_atom(&s, r->size[atom]);
        }
        s.in_count[axis] = (uint8_t)(s.atoms - before);
    }
    s.in_atoms = s.atoms;
    for (int atom = r->in_atoms; atom < r->atoms; atom++) {
        if (!lies_in(r, atom, out_axis)) number[atom] = add_atom(&s, r->size[atom]);
    }
    for (int axis = 0, i = 0, o = 0; axis < r->out_rank; i += r->out_count[axis++]) {
        s.out_count[axis] = axis == out_axis ? 1 : r->out_count[axis];
        for (int j = 0; j < s.out_count[axis]; j++) {
            s.out_order[o++] = (uint8_t)(axis == out_axis ? joined : number[r->out_order[i + j]]);
        }
    }
    rearrange_specialise(&s, false, rest);
}

// Moves the atoms of the axis to where they can be cut.
static bool cut_apart(struct ir_node *at, struct cut *c) {
    int to = axis_for(&c->r, c->axis);
    struct ir_rearrange first, rest;
    if (to < 0 || c->x->type.rank != 4 || c->r.atoms >= IR_MAX_ATOMS) return false;
    only_axis(&c->r, c->axis, to, &first);
    without_axis(&c->r, c->axis, to, c->end - c->start, &rest);
    if (rearrange_equal(&first, &c->r)) return false;
    c->x = match_slice(at, match_rearrange(at, c->x, &first), to, c->start, c->end);
    c->r = rest;
    c->start = 0, c->end = length_of(&rest, c->axis);
    return true;
}

bool sink_slice(struct ir_node *n, bool *progress, struct error *err) {
    (void)err;
    struct ir_node *before = match_op(ir_in(n, 0), IR_REARRANGE);
    if (before == NULL || ir_attr_int(n, IR_KEY_STEADY_END, 0) != 0) return true;
    struct cut c = {*ir_attr_rearrange(before), ir_in(before, 0), (int)ir_attr_int(n, IR_KEY_AXIS, 0),
                    ir_attr_int(n, IR_KEY_START, 0), ir_attr_int(n, IR_KEY_END, 0)};
    bool kept = c.x->type.rank == 4 && ir_in(n, 0)->type.rank == 4 && ir_only_user(ir_out(before)) != n;
    if (kept || c.r.time_atom >= 0 || c.r.out_count[c.axis] == 0 || c.start >= c.end) return true;
    if (!cut_outermost(n, &c) && !cut_apart(n, &c)) return true;
    struct ir_value *y = match_slice(n, match_rearrange(n, c.x, &c.r), c.axis, c.start, c.end);
    ir_take_name(y, ir_out(n), NULL);
    ir_node_replace(n, y);
    *progress = true;
    return true;
}

// ---- concat

// The roles of the operands' axes; that of the axis along which they are joined may show in some of them only.
static bool roles_of_concat(const struct ir_node *n, int axis, enum role *role) {
    bool known = false, joined = false, used[4] = {false};
    int rank = ir_out(n)->type.rank;
    for (int i = 0; i < n->input_count && !joined; i++) {
        enum role r[IR_MAX_RANK];
        if (!roles_of_value(ir_in(n, i), r)) return false;
        known = true, joined = r[axis] != ROLE_NONE;
        if (joined || i == 0) {
            for (int k = 0; k < rank; k++) role[k] = r[k];
        }
    }
    for (int k = 0; k < rank; k++) {
        if (role[k] != ROLE_NONE) used[role[k]] = true;
    }
    for (int k = 0; k < 4 && role[axis] == ROLE_NONE; k++) {
        if (!used[k]) role[axis] = (enum role)k;
    }
    return known && role[axis] != ROLE_NONE;
}

bool sink_concat(struct ir_node *n, bool *progress, struct error *err) {
    int axis = (int)ir_attr_int(n, IR_KEY_AXIS, 0);
    enum role role[IR_MAX_RANK];
    struct ir_rearrange there, back;
    if (match_op(ir_in(n, 0), IR_REARRANGE) == NULL || ir_out(n)->type.time_axis >= 0 ||
        !roles_of_concat(n, axis, role) || !roles_to_frames(&ir_out(n)->type, role, &there) ||
        rearrange_is_identity(&there) || !rearrange_inverse(&there, &back))
        return true;
    struct ir_node *c = ir_node_new(n->block, n, IR_CONCAT, ir_out(n)->name, 0, NULL, 1);
    for (int i = 0; i < n->input_count; i++) {
        struct ir_rearrange r;
        if (!roles_to_frames(&ir_in(n, i)->type, role, &r))
            return error_set(err, ERROR_INTERNAL, "node '%s': an operand is no list of frames", n->name);
        ir_node_add_input(c, match_rearrange(c, ir_in(n, i), &r));
    }
    ir_attr_set_int(c, IR_KEY_AXIS, role[axis]);
    c->name = n->name;
    if (!ir_infer_node(c, err)) return false;
    struct ir_value *y = match_rearrange(n, ir_out(c), &back);
    ir_take_name(ir_out(c), ir_out(n), &back);
    ir_node_replace(n, y);
    *progress = true;
    return true;
}
