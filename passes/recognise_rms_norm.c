// recognise_rms_norm: x / max(||x||_2, epsilon), then its scale and its gamma.
//
//     %n = reduce_l2 %x {axes=[1]}
//     %c = clamp %n {min=1e-12, max=inf}
//     %e = rearrange %c ..             # broadcast; optional
//     %d = div %x, %e
//     %s = mul %d, @sqrt_c
//     %y = mul %s, @gamma
// ->  %y = rms_norm %x, @gamma {axis=1, epsilon=1e-12, scale=8.0}
//
// A scale that half precision has rounded is taken for the sqrt(C) that it was made from (match.h).
// The norm may also be spelt sqrt(reduce_sum(x*x)). Scalar factors are collected into `scale`; one factor
// that varies along the normalised axis only is gamma. Other multiplications stay behind the norm.
#include "passes/match.h"
#include "passes/pass.h"

#include <math.h>

// ||x||_2 along one axis, whose index goes to *axis.
static struct ir_value *match_length(const struct ir_value *v, int *axis) {
    struct ir_node *root = match_op(v, IR_SQRT),
                   *n = match_op(root ? ir_in(root, 0) : v, root ? IR_REDUCE_SUM : IR_REDUCE_L2);
    int count;
    const int64_t *axes = n ? ir_attr_ints(n, IR_KEY_AXES, &count) : NULL;
    if (n == NULL || count != 1) return NULL;
    *axis = (int)axes[0];
    if (!root) return ir_in(n, 0);
    struct ir_node *square = match_op(ir_in(n, 0), IR_MUL), *power = match_op(ir_in(n, 0), IR_POW);
    double exponent;
    if (square && ir_in(square, 0) == ir_in(square, 1)) return ir_in(square, 0);
    if (power && match_splat_operand(power, true, &exponent) && exponent == 2) return ir_in(power, 0);
    return NULL;
}

static bool recognise_div(struct ir_node *n) {
    struct ir_value *x = ir_in(n, 0), *length = match_skip_expand(ir_in(n, 1));
    struct ir_node *clamp = match_op(length, IR_CLAMP);
    int axis = 0;
    if (clamp == NULL || ir_attr_float(clamp, IR_KEY_MAX, INFINITY) != INFINITY) return false;
    if (match_length(match_skip_expand(ir_in(clamp, 0)), &axis) != x) return false;
    if (!ir_type_equal(&x->type, &ir_out(n)->type)) return false; // the Expand made more of x too
    struct ir_node *norm = ir_insert(n, IR_RMS_NORM, 1, &x);
    ir_attr_set_int(norm, IR_KEY_AXIS, axis);
    ir_attr_set_float(norm, IR_KEY_EPSILON, ir_attr_float(clamp, IR_KEY_MIN, 0));
    ir_attr_set_float(norm, IR_KEY_SCALE, 1);
    ir_infer_node(norm, NULL);
    ir_node_replace(n, ir_out(norm));
    return true;
}

// Whether constant `c` varies along axis `axis` of a tensor of type `t` only, when broadcast against it.
static bool varies_along(const struct ir_value *c, const struct ir_type *t, int axis) {
    if (!c->constant || c->constant->ints || c->type.rank > t->rank) return false;
    for (int i = 0; i < c->type.rank; i++) {
        bool here = i + t->rank - c->type.rank == axis;
        if (!dim_is(c->type.dims[i], 1) && !(here && dim_equal(c->type.dims[i], t->dims[axis]))) return false;
    }
    int shift = t->rank - c->type.rank;
    return axis >= shift && dim_equal(c->type.dims[axis - shift], t->dims[axis]);
}

// The same constant as a list of one value per channel: its bytes are already in that order.
static struct ir_value *as_vector(struct ir_module *m, const struct ir_value *c, struct ir_dim channels) {
    if (c->type.rank == 1) return (struct ir_value *)c;
    struct ir_value *v = ir_constant_new(m, ir_fresh_name(m, c->name), ir_type_make(IR_F32, 1, &channels));
    *v->constant = *c->constant;
    return v;
}

static bool absorb_mul(struct ir_node *n) {
    double factor;
    struct ir_value *x = match_splat_operand(n, n->op == IR_DIV, &factor);
    int norm_input = x && x == ir_in(n, 1);
    struct ir_node *norm = match_op(x, IR_RMS_NORM);
    bool scalar = norm != NULL && ir_type_equal(&x->type, &ir_out(n)->type) && norm->input_count == 1;
    for (int i = 0; !scalar && n->op == IR_MUL && i < 2; i++) {
        norm = match_op(ir_in(n, i), IR_RMS_NORM);
        norm_input = i;
        if (norm && norm->input_count == 1 &&
            varies_along(ir_in(n, 1 - i), &ir_out(norm)->type, (int)ir_attr_int(norm, IR_KEY_AXIS, 0)))
            break;
        norm = NULL;
    }
    if (norm == NULL || ir_only_user(ir_out(norm)) != n) return false;
    int axis = (int)ir_attr_int(norm, IR_KEY_AXIS, 0);
    const struct ir_value *c = ir_in(n, 1 - norm_input);
    if (scalar && c->constant->count == 1) {
        double scale = ir_attr_float(norm, IR_KEY_SCALE, 1),
               channels = (double)ir_out(norm)->type.dims[axis].first;
        factor = match_unrounded(c, sqrt(channels));
        ir_attr_set_float(norm, IR_KEY_SCALE, n->op == IR_DIV ? scale / factor : scale * factor);
    } else if (n->op == IR_MUL && varies_along(c, &ir_out(norm)->type, axis)) {
        ir_node_add_input(norm, as_vector(n->block->graph->module, c, ir_out(norm)->type.dims[axis]));
    } else return false;
    ir_out(norm)->name = ir_out(n)->name;
    ir_node_replace(n, ir_out(norm));
    return true;
}

static bool visit(struct ir_node *n, bool *progress, struct error *err) {
    (void)err;
    bool divides = n->op == IR_DIV;
    if ((divides && recognise_div(n)) || ((divides || n->op == IR_MUL) && absorb_mul(n))) *progress = true;
    return true;
}

bool pass_recognise_rms_norm(struct ir_module *m, bool *progress, struct error *err) {
    if (!match_each(m, visit, progress, err)) return false;
    return !*progress || pass_eliminate_dead(m, progress, err);
}
