#include "passes/frame_part.h"

#include "ir/rearrange.h"
#include "passes/match.h"

enum { MAX_DEPTH = 512 }; // of operators between a step's frames and the result; real heads have a dozen

// ---- which operators treat the elements along an axis alike

// An axis of a rearrangement's result whose outermost atom is the outermost of an input axis: a part of one is a part
// of the other, in units of the inner atoms.
struct unit {
    int atom, in_axis;
    int64_t inner_out, inner_in; // elements of the axis for one step of the atom
};

static bool find_unit(const struct ir_rearrange *r, int axis, struct unit *u) {
    int k = rearrange_first_out(r, axis);
    if (r->out_count[axis] == 0 || r->out_order[k] >= r->in_atoms) return false;
    *u = (struct unit){.atom = r->out_order[k], .inner_out = 1, .inner_in = 1};
    u->in_axis = rearrange_source_axis(r, u->atom);
    if (rearrange_first_in(r, u->in_axis) != u->atom) return false;
    for (int j = 1; j < r->out_count[axis]; j++) u->inner_out *= r->size[r->out_order[k + j]].first;
    for (int j = 1; j < r->in_count[u->in_axis]; j++) u->inner_in *= r->size[u->atom + j].first;
    return u->inner_out > 0 && u->inner_in > 0;
}

// The axis of operand i that meets `axis` of the result; -1 if the operand is the same for all its elements.
static int operand_axis(const struct ir_node *n, int i, int axis) {
    const struct ir_value *v = ir_in(n, i);
    int a = axis - (ir_out(n)->type.rank - v->type.rank);
    return a < 0 || dim_is(v->type.dims[a], 1) ? -1 : a;
}

static bool conv_keeps(const struct ir_node *n, int axis) {
    int count;
    const int64_t *pads = ir_attr_ints(n, IR_KEY_PADS, &count),
                  *strides = ir_attr_ints(n, IR_KEY_STRIDES, &count);
    int spatial = ir_in(n, 0)->type.rank - 2, s = axis - 2;
    if (axis == 0) return true;
    return s >= 0 && dim_is(ir_in(n, 1)->type.dims[axis], 1) && pads[s] == 0 && pads[s + spatial] == 0 &&
           strides[s] == 1;
}

static bool keeps_axis(const struct ir_node *n, int axis) {
    int count, rank = ir_out(n)->type.rank;
    const int64_t *list;
    struct unit u;
    if (ir_info(n)->flags & IR_ELEMENTWISE) return true;
    switch (n->op) {
    case IR_SLICE:
    case IR_CONCAT:
    case IR_SOFTMAX:
    case IR_RMS_NORM: return ir_attr_int(n, IR_KEY_AXIS, -1) != axis;
    case IR_MATMUL:
    case IR_ATTENTION: return axis < rank - 2;
    case IR_CONV: return conv_keeps(n, axis);
    case IR_REARRANGE: return find_unit(ir_attr_rearrange(n), axis, &u);
    case IR_PAD:
        list = ir_attr_ints(n, IR_KEY_PADS, &count);
        return list[axis] == 0 && list[axis + rank] == 0;
    case IR_REDUCE_L2:
    case IR_REDUCE_SUM:
    case IR_REDUCE_MEAN:
        list = ir_attr_ints(n, IR_KEY_AXES, &count);
        for (int i = 0; i < count; i++) {
            if (list[i] == axis) return false;
        }
        return true;
    default: return false;
    }
}

// Weights are operands too, but not cut.
static bool is_weight(const struct ir_node *n, int i) {
    return i > 0 && (n->op == IR_CONV || n->op == IR_RMS_NORM);
}

static bool is_cut(const struct ir_node *n, int i, int axis) {
    return ir_in(n, i) != NULL && !is_weight(n, i) && !ir_in(n, i)->constant && operand_axis(n, i, axis) >= 0;
}

struct ir_value *frame_source(struct ir_value *v, int *axis) {
    for (int depth = 0; depth < MAX_DEPTH && v->def != NULL && keeps_axis(v->def, *axis); depth++) {
        struct ir_node *n = v->def;
        struct unit u;
        int which = -1, a = *axis;
        if (n->op == IR_REARRANGE) {
            find_unit(ir_attr_rearrange(n), a, &u);
            which = 0, a = u.in_axis;
        } else {
            for (int i = 0; i < n->input_count; i++) {
                if (!is_cut(n, i, *axis)) continue;
                if (which >= 0) return v; // two values meet here
                which = i, a = operand_axis(n, i, *axis);
            }
        }
        if (which < 0) return v;
        v = ir_in(n, which);
        *axis = a;
    }
    return v;
}

// ---- cutting

static struct ir_value *cut(struct ir_node *at, struct ir_value *v, int axis, int64_t start, int64_t end,
                            int depth);

static struct ir_value *write_slice(struct ir_node *at, struct ir_value *v, int axis, int64_t start,
                                    int64_t end) {
    struct ir_value *s = match_slice(at, v, axis, start, end);
    if (v->def != NULL) s->def->name = v->def->name;
    return s;
}

// The same operator on these operands.
static struct ir_value *again(struct ir_node *at, const struct ir_node *n, struct ir_value **inputs) {
    struct ir_node *c = ir_insert(at, n->op, n->input_count, inputs);
    ir_attr_copy_all(c, n);
    c->name = n->name;
    ir_out(c)->name = ir_fresh_name(n->block->graph->module, n->outputs[0]->name);
    return ir_infer_node(c, NULL) ? ir_out(c) : NULL;
}

static struct ir_value *cut_rearrange(struct ir_node *at, struct ir_value *v, int axis, int64_t start,
                                      int64_t end, int depth) {
    const struct ir_rearrange *r = ir_attr_rearrange(v->def);
    struct unit u;
    struct ir_rearrange part;
    if (!find_unit(r, axis, &u) || start % u.inner_out != 0 || end % u.inner_out != 0)
        return write_slice(at, v, axis, start, end);
    int64_t from = start / u.inner_out, to = end / u.inner_out;
    rearrange_resize_atom(r, u.atom, dim_const(to - from), &part);
    struct ir_value *x = cut(at, ir_in(v->def, 0), u.in_axis, from * u.inner_in, to * u.inner_in, depth);
    struct ir_value *out = match_rearrange(at, x, &part);
    out->def->name = v->def->name;
    return out;
}

// Only the operands that the part touches.
static struct ir_value *cut_concat(struct ir_node *at, const struct ir_node *n, int axis, int64_t start,
                                   int64_t end, int depth) {
    struct arena *arena = &n->block->graph->module->arena;
    struct ir_value **inputs = arena_array(arena, (size_t)n->input_count, sizeof *inputs);
    int64_t begin = 0;
    int count = 0;
    for (int i = 0; i < n->input_count; i++) {
        int64_t length = ir_in(n, i)->type.dims[axis].first;
        int64_t a = start > begin ? start : begin, b = end < begin + length ? end : begin + length;
        if (a < b) inputs[count++] = cut(at, ir_in(n, i), axis, a - begin, b - begin, depth);
        begin += length;
    }
    if (count == 1) return inputs[0];
    struct ir_node *c = ir_insert(at, IR_CONCAT, count, inputs);
    ir_attr_set_int(c, IR_KEY_AXIS, axis);
    c->name = n->name;
    return ir_infer_node(c, NULL) ? ir_out(c) : NULL;
}

static struct ir_value *cut_operands(struct ir_node *at, const struct ir_node *n, int axis, int64_t start,
                                     int64_t end, int depth) {
    struct arena *arena = &n->block->graph->module->arena;
    struct ir_value **inputs = arena_array(arena, (size_t)n->input_count, sizeof *inputs);
    for (int i = 0; i < n->input_count; i++) {
        inputs[i] = ir_in(n, i);
        if (is_cut(n, i, axis)) inputs[i] = cut(at, inputs[i], operand_axis(n, i, axis), start, end, depth);
    }
    return again(at, n, inputs);
}

// A constant that varies along the axis would have to be cut too: it is not.
static bool has_varying_constant(const struct ir_node *n, int axis) {
    for (int i = 0; i < n->input_count; i++) {
        if (!is_weight(n, i) && ir_in(n, i) && ir_in(n, i)->constant && operand_axis(n, i, axis) >= 0)
            return true;
    }
    return false;
}

static struct ir_value *cut(struct ir_node *at, struct ir_value *v, int axis, int64_t start, int64_t end,
                            int depth) {
    struct ir_node *n = depth < MAX_DEPTH ? v->def : NULL;
    if (start == 0 && dim_is(v->type.dims[axis], end)) return v;
    if (n == NULL) return write_slice(at, v, axis, start, end);
    int own = (int)ir_attr_int(n, IR_KEY_AXIS, -1);
    if (n->op == IR_SLICE && own == axis) {
        int64_t skip = ir_attr_int(n, IR_KEY_START, 0);
        return cut(at, ir_in(n, 0), axis, start + skip, end + skip, depth + 1);
    }
    if (n->op == IR_CONCAT && own == axis) return cut_concat(at, n, axis, start, end, depth + 1);
    if (!keeps_axis(n, axis) || has_varying_constant(n, axis)) return write_slice(at, v, axis, start, end);
    if (n->op == IR_REARRANGE) return cut_rearrange(at, v, axis, start, end, depth + 1);
    return cut_operands(at, n, axis, start, end, depth + 1);
}

struct ir_value *frame_part(struct ir_node *at, struct ir_value *v, int axis, int64_t start, int64_t end) {
    return cut(at, v, axis, start, end, 0);
}
