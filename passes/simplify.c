// simplify: operators that do nothing.
//
//     add %x, @0.0             sub %x, @0.0           mul %x, @1.0       div %x, @1.0
//     slice of a whole axis    concat of one value    pad by nothing     clamp to [-inf, inf]
//     rearrange that is the identity
//     add and sub of a tensor of zeros, and mul by zero, which makes one: what a flag leaves of 0 * a + 1 * b
//
// A TorchScript export adds 0.0 after every norm; step graphs pad by amounts that turn out to be 0. The
// result must have the operand's shape: adding zeros that broadcast is not nothing.
#include "ir/rearrange.h"
#include "passes/frame_list.h"
#include "passes/match.h"
#include "passes/pass.h"

#include <math.h>

static bool all_zero(const int64_t *list, int count) {
    for (int i = 0; i < count; i++) {
        if (list[i] != 0) return false;
    }
    return true;
}

// The other operand of a sum with a tensor of zeros.
static struct ir_value *beside_zeros(const struct ir_node *n) {
    if (value_is_zero(ir_in(n, 1))) return ir_in(n, 0);
    return n->op == IR_ADD && value_is_zero(ir_in(n, 0)) ? ir_in(n, 1) : NULL;
}

static struct ir_value *times_zero(struct ir_node *n) {
    double c = 1;
    bool zero = n->op == IR_MUL && match_splat_operand(n, false, &c) != NULL && c == 0;
    return zero ? match_zeros(n, &ir_out(n)->type) : NULL;
}

// The operand that the node hands through unchanged, or NULL.
static struct ir_value *unchanged(const struct ir_node *n) {
    double c;
    int count;
    struct ir_value *x;
    switch (n->op) {
    case IR_ADD:
    case IR_SUB:
        x = match_splat_operand(n, n->op == IR_SUB, &c);
        return x ? (c == 0 ? x : NULL) : beside_zeros(n);
    case IR_MUL:
    case IR_DIV: x = match_splat_operand(n, n->op == IR_DIV, &c); return x && c == 1 ? x : NULL;
    case IR_CLAMP: {
        bool open = ir_attr_float(n, IR_KEY_MIN, -INFINITY) == -INFINITY &&
                    ir_attr_float(n, IR_KEY_MAX, INFINITY) == INFINITY;
        return open ? ir_in(n, 0) : NULL;
    }
    case IR_PAD: {
        const int64_t *pads = ir_attr_ints(n, IR_KEY_PADS, &count);
        return all_zero(pads, count) ? ir_in(n, 0) : NULL;
    }
    case IR_CONCAT: return n->input_count == 1 ? ir_in(n, 0) : NULL;
    case IR_SLICE: return ir_in(n, 0);
    case IR_REARRANGE: return rearrange_is_identity(ir_attr_rearrange(n)) ? ir_in(n, 0) : NULL;
    default: return NULL;
    }
}

static bool visit(struct ir_node *n, bool *progress, struct error *err) {
    (void)err;
    struct ir_value *x = times_zero(n);
    if (x == NULL) x = unchanged(n);
    if (x == NULL || !ir_type_equal(&x->type, &ir_out(n)->type)) return true;
    ir_node_replace(n, x);
    *progress = true;
    return true;
}

bool pass_simplify(struct ir_module *m, bool *progress, struct error *err) {
    return match_each(m, visit, progress, err);
}
