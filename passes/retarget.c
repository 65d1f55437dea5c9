#include "passes/retarget.h"

#include "ir/rearrange.h"
#include "passes/frame_list.h"
#include "passes/match.h"

// ---- shapes as factors

enum { MAX_FACTORS = 8 }; // of one axis

struct factor {
    int64_t old;
    struct ir_dim now;
};

struct shape { // of a value: its axes, each a list of factors, outermost first; a unit axis has none
    int rank;
    int count[IR_MAX_RANK];
    struct factor at[IR_MAX_RANK][MAX_FACTORS];
};

struct retarget {
    struct shape **shapes; // by value->mark
    struct arena scratch;
    enum retarget_rule rule;
    struct error *err;
};

static bool refuse(struct retarget *r, const struct ir_node *n, const char *why) {
    return error_set(r->err, ERROR_UNSUPPORTED, "node '%s' (%s) is in the way of another size: %s",
                     n->name[0] || n->output_count == 0 ? n->name : n->outputs[0]->name, ir_info(n)->name,
                     why);
}

// An old length: of a time axis, that for a video of three latent frames, where no two lengths in use are alike.
static int64_t old_of(struct ir_dim d) { return d.first + 2 * d.steady; }

static bool same_length(const struct factor *f) { return dim_is(f->now, f->old); }

static void set_axis(struct shape *s, int axis, int64_t old, struct ir_dim now) {
    s->count[axis] = old == 1 && dim_is(now, 1) ? 0 : 1;
    s->at[axis][0] = (struct factor){old, now};
}

static void set_shape(struct shape *s, const struct ir_type *old, const struct ir_type *now) {
    s->rank = old->rank;
    for (int i = 0; i < old->rank; i++) set_axis(s, i, old_of(old->dims[i]), now->dims[i]);
}

static int64_t old_length(const struct shape *s, int axis) {
    int64_t n = 1;
    for (int i = 0; i < s->count[axis]; i++) n *= s->at[axis][i].old;
    return n;
}

// What it is now; false when that is no length (frames times frames).
static bool new_length(const struct shape *s, int axis, struct ir_dim *length) {
    *length = dim_const(1);
    for (int i = 0; i < s->count[axis]; i++) {
        if (!dim_mul(*length, s->at[axis][i].now, length)) return false;
    }
    return true;
}

static bool axis_changes(const struct shape *s, int axis) {
    for (int i = 0; i < s->count[axis]; i++) {
        if (!same_length(&s->at[axis][i])) return true;
    }
    return false;
}

static void copy_axis(struct shape *to, int axis, const struct shape *from, int source) {
    to->count[axis] = from->count[source];
    for (int i = 0; i < from->count[source]; i++) to->at[axis][i] = from->at[source][i];
}

static struct shape *shape_of(const struct retarget *r, const struct ir_value *v) {
    return r->shapes[v->mark];
}

// ---- rearrangements

// The factors of an input axis that make up each of its atoms, from the innermost outwards. A factor that does not
// change may be cut, one that does may not.
static bool match_atoms(const struct ir_rearrange *p, int first, int atoms, const struct shape *in, int axis,
                        struct shape *by_atom) {
    struct factor left[MAX_FACTORS];
    int n = in->count[axis];
    for (int i = 0; i < n; i++) left[i] = in->at[axis][i];
    for (int a = first + atoms - 1; a >= first; a--) {
        int64_t size = old_of(p->size[a]);
        int k = 0;
        struct factor found[MAX_FACTORS];
        while (size > 1 || (n > 0 && left[n - 1].old == 1)) {
            if (n == 0 || k >= MAX_FACTORS) return false;
            struct factor *f = &left[n - 1];
            if (f->old < 1 || size < 1) return false;
            if (f->old <= size && size % f->old == 0) {
                size /= f->old;
                found[k++] = *f;
                n--;
            } else if (same_length(f) && f->old % size == 0) {
                found[k++] = (struct factor){size, dim_const(size)};
                f->old /= size;
                f->now = dim_const(f->old);
                size = 1;
            } else return false;
        }
        by_atom->count[0] = k; // in reverse: outermost first
        for (int i = 0; i < k; i++) by_atom->at[0][i] = found[k - 1 - i];
        by_atom--;
    }
    return n == 0;
}

static bool retarget_rearrange(struct retarget *r, struct ir_node *n, struct shape *out) {
    const struct ir_rearrange *p = ir_attr_rearrange(n);
    const struct shape *in = shape_of(r, ir_in(n, 0));
    struct shape *by_atom = arena_array(&r->scratch, IR_MAX_ATOMS, sizeof *by_atom);
    struct ir_rearrange to = *p, all;
    struct ir_dim size[IR_MAX_ATOMS];
    int first = 0, time = ir_in(n, 0)->type.time_axis;
    for (int axis = 0; axis < p->in_rank; axis++) {
        int atoms = p->in_count[axis];
        if (atoms == 0 && axis_changes(in, axis))
            return refuse(r, n, "an axis of length 1 gets another length");
        if (!match_atoms(p, first, atoms, in, axis, &by_atom[first + atoms - 1]) && atoms > 0)
            return refuse(r, n, "it cuts an axis whose length changes");
        if (axis == time) to.time_atom = first;
        first += atoms;
    }
    for (int i = 0; i < p->atoms; i++) {
        if (i >= p->in_atoms) {
            by_atom[i].count[0] = 1;
            by_atom[i].at[0][0] = (struct factor){p->size[i].first, p->size[i]};
        }
        if (!new_length(&by_atom[i], 0, &size[i])) return refuse(r, n, "frames are multiplied with frames");
    }
    rearrange_resize(&to, size, &all);
    ir_attr_set_rearrange(n, &all);
    out->rank = p->out_rank;
    for (int axis = 0, k = 0; axis < p->out_rank; axis++) {
        out->count[axis] = 0;
        for (int j = 0; j < p->out_count[axis]; j++, k++) {
            const struct shape *a = &by_atom[p->out_order[k]];
            if (out->count[axis] + a->count[0] > MAX_FACTORS) return refuse(r, n, "too many factors");
            for (int i = 0; i < a->count[0]; i++) out->at[axis][out->count[axis]++] = a->at[0][i];
        }
    }
    return true;
}

// ---- other operators

static bool retarget_slice(struct retarget *r, struct ir_node *n, struct shape *out) {
    const struct shape *in = shape_of(r, ir_in(n, 0));
    int axis = (int)ir_attr_int(n, IR_KEY_AXIS, 0);
    struct ir_dim length = ir_in(n, 0)->type.dims[axis],
                  now = {ir_attr_int(n, IR_KEY_END, 0), ir_attr_int(n, IR_KEY_STEADY_END, 0)};
    int64_t start = ir_attr_int(n, IR_KEY_START, 0), end = old_of(now), old = old_length(in, axis);
    bool frames = ir_in(n, 0)->type.time_axis == axis || r->rule == RETARGET_LAST_FRAMES;
    *out = *in;
    if (axis_changes(in, axis)) {
        if (end == old && (frames || start == 0)) now = length; // behind a start, or so many from the end?
        else if (!frames) return refuse(r, n, "it keeps a part of an axis whose length changes");
        ir_attr_set_int(n, IR_KEY_END, now.first);
        if (now.steady != 0) ir_attr_set_int(n, IR_KEY_STEADY_END, now.steady);
    }
    dim_sub(now, dim_const(start), &now);
    set_axis(out, axis, end - start, now);
    return true;
}

// The operand that has all axes of the result; others broadcast.
static bool retarget_elementwise(struct retarget *r, struct ir_node *n, struct shape *out) {
    int rank = ir_out(n)->type.rank;
    out->rank = rank;
    for (int axis = 0; axis < rank; axis++) {
        out->count[axis] = 0;
        for (int i = 0; i < n->input_count; i++) {
            const struct ir_value *v = ir_in(n, i);
            int a = axis - (rank - v->type.rank);
            if (a < 0 || v->constant) continue;
            if (out->count[axis] == 0) copy_axis(out, axis, shape_of(r, v), a);
        }
    }
    for (int i = 0; i < n->input_count; i++) { // what only a constant has, and what none may have
        const struct ir_value *v = ir_in(n, i);
        for (int a = 0; v->constant && a < v->type.rank; a++) {
            int axis = a + rank - v->type.rank;
            if (dim_is(v->type.dims[a], 1)) continue;
            if (axis_changes(out, axis))
                return refuse(r, n, "a constant varies along an axis whose length changes");
            if (out->count[axis] == 0) set_axis(out, axis, v->type.dims[a].first, v->type.dims[a]);
        }
    }
    return true;
}

// Zeros that were joined with something have its lengths.
static bool retarget_concat(struct retarget *r, struct ir_node *n, struct shape *out) {
    int axis = (int)ir_attr_int(n, IR_KEY_AXIS, 0), lead = 0;
    while (lead < n->input_count && ir_in(n, lead)->constant) lead++;
    if (lead == n->input_count) return refuse(r, n, "constants are joined");
    *out = *shape_of(r, ir_in(n, lead));
    int64_t old = 0;
    struct ir_dim now = dim_const(0);
    for (int i = 0; i < n->input_count; i++) {
        const struct ir_value *v = ir_in(n, i);
        old += v->constant ? old_of(v->type.dims[axis]) : old_length(shape_of(r, v), axis);
        if (!dim_add(now, v->type.dims[axis], &now)) return refuse(r, n, "the length overflows");
    }
    set_axis(out, axis, old, now);
    return true;
}

// Lengths that are computed: all axes as they are inferred, but those that pass through keep their factors.
static void infer_axes(const struct shape *in, const struct ir_type *old, const struct ir_type *now,
                       struct shape *out) {
    set_shape(out, old, now);
    for (int i = 0; i < out->rank && in->rank == out->rank; i++) {
        struct ir_dim length;
        if (old_length(in, i) == old_of(old->dims[i]) && new_length(in, i, &length) &&
            dim_equal(length, now->dims[i]))
            copy_axis(out, i, in, i);
    }
}

// A rearrangement that has been replaced by another (see derive_first) still had the length that later nodes know.
static void keep_old_lengths(struct shape *s, const struct ir_type *old, const struct ir_type *now) {
    for (int i = 0; i < s->rank; i++) {
        if (old_length(s, i) != old_of(old->dims[i])) set_axis(s, i, old_of(old->dims[i]), now->dims[i]);
    }
}

static void retype_cache(const struct ir_node *n) {
    struct ir_cache *c = ir_attr_cache(n);
    const struct ir_type *x = &ir_in(n, 0)->type;
    c->type.dims[3] = x->dims[3];
    c->type.dims[4] = x->dims[4];
}

// ---- frames that only some operands have

static int64_t frames_of(const struct ir_value *v) {
    return v->type.rank == 5 ? v->type.dims[FRAME_AXIS].first : 0;
}

// Operands that had as many frames; one of another number, before, is broadcast.
static bool had_same_frames(const struct retarget *r, const struct ir_node *n) {
    const struct ir_value *a = ir_in(n, 0), *b = ir_in(n, 1);
    return !a->constant && !b->constant && frames_of(a) > 0 && frames_of(b) > 0 &&
           old_length(shape_of(r, a), FRAME_AXIS) == old_length(shape_of(r, b), FRAME_AXIS);
}

static void keep_last_frames(struct ir_node *n) {
    int64_t least = 0;
    for (int i = 0; i < n->input_count; i++) {
        int64_t frames = frames_of(ir_in(n, i));
        if (least == 0 || frames < least) least = frames;
    }
    for (int i = 0; i < n->input_count; i++) {
        struct ir_value *v = ir_in(n, i);
        if (frames_of(v) <= least) continue;
        struct ir_value *last = match_slice(n, v, FRAME_AXIS, frames_of(v) - least, frames_of(v));
        last->mark = v->mark; // its old shape is that of v
        ir_node_set_input(n, i, last);
    }
}

// Where the last frames of the first operand were taken, its factors are not the result's.
static void take_new_lengths(struct shape *s, const struct ir_type *old, const struct ir_type *now) {
    for (int i = 0; i < s->rank; i++) {
        struct ir_dim length;
        if (!new_length(s, i, &length) || !dim_equal(length, now->dims[i]))
            set_axis(s, i, old_of(old->dims[i]), now->dims[i]);
    }
}

// ---- the walk

static bool retarget_node(struct retarget *r, struct ir_node *n, struct shape *out) {
    struct ir_type old = ir_out(n)->type;
    bool ok = true, elementwise = ir_info(n)->flags & IR_ELEMENTWISE;
    if (elementwise && r->rule == RETARGET_LAST_FRAMES && n->input_count == 2 && had_same_frames(r, n))
        keep_last_frames(n);
    if (n->op == IR_REARRANGE) ok = retarget_rearrange(r, n, out);
    else if (n->op == IR_SLICE) ok = retarget_slice(r, n, out);
    else if (elementwise) ok = retarget_elementwise(r, n, out);
    else if (n->op == IR_CONCAT) ok = retarget_concat(r, n, out);
    if (n->op == IR_CAUSAL_CONV) retype_cache(n);
    if (!ok || !ir_infer_node(n, r->err)) return false;
    if (n->op == IR_REARRANGE) keep_old_lengths(out, &old, &ir_out(n)->type);
    if (elementwise && r->rule == RETARGET_LAST_FRAMES) take_new_lengths(out, &old, &ir_out(n)->type);
    bool computed = !elementwise && n->op != IR_REARRANGE && n->op != IR_SLICE && n->op != IR_CONCAT;
    if (n->op == IR_ATTENTION) infer_axes(shape_of(r, ir_in(n, 2)), &old, &ir_out(n)->type, out);
    else if (computed && !ir_in(n, 0)->constant)
        infer_axes(shape_of(r, ir_in(n, 0)), &old, &ir_out(n)->type, out);
    else if (computed) set_shape(out, &old, &ir_out(n)->type);
    return true;
}

bool retarget_graph(struct ir_graph *g, const struct ir_type *old_inputs, enum retarget_rule rule,
                    struct error *err) {
    struct retarget r = {.rule = rule, .err = err};
    int64_t count = ir_number_values(g);
    bool ok = true;
    r.shapes = arena_array(&r.scratch, (size_t)count + 1, sizeof(struct shape *));
    for (int64_t i = 0; i < count; i++) r.shapes[i] = arena_alloc(&r.scratch, sizeof(struct shape));
    for (int i = 0; i < g->input_count; i++) set_shape(r.shapes[i], &old_inputs[i], &g->inputs[i]->type);
    for (struct ir_node *n = g->body.head; ok && n != NULL; n = n->next) {
        if (n->output_count == 1) ok = retarget_node(&r, n, shape_of(&r, ir_out(n)));
    }
    arena_free(&r.scratch);
    return ok;
}
