// simplify: operators that do nothing.
//
//     add %x, @0.0             sub %x, @0.0           mul %x, @1.0       div %x, @1.0
//     slice of a whole axis    concat of one value    pad by nothing     clamp to [-inf, inf]
//     rearrange that is the identity
//
// A TorchScript export adds 0.0 after every norm; step graphs pad by amounts that turn out to be 0. The
// result must have the operand's shape: adding zeros that broadcast is not nothing.
#include "ir/rearrange.h"
#include "passes/match.h"
#include "passes/pass.h"

#include <math.h>

static bool all_zero(const int64_t *list, int count) {
    for (int i = 0; i < count; i++) {
        if (list[i] != 0) return false;
    }
    return true;
}

// The operand that the node hands through unchanged, or NULL.
static struct ir_value *unchanged(const struct ir_node *n) {
    double c;
    int count;
    struct ir_value *x;
    switch (n->op) {
    case IR_ADD:
    case IR_SUB: x = match_splat_operand(n, n->op == IR_SUB, &c); return x && c == 0 ? x : NULL;
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
    struct ir_value *x = unchanged(n);
    if (x == NULL || !ir_type_equal(&x->type, &ir_out(n)->type)) return true;
    ir_node_replace(n, x);
    *progress = true;
    return true;
}

bool pass_simplify(struct ir_module *m, bool *progress, struct error *err) {
    return match_each(m, visit, progress, err);
}
