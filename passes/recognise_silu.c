// recognise_silu: x * sigmoid(x).
//
//     %s = sigmoid %x         ->  %y = silu %x
//     %y = mul %x, %s
#include "passes/match.h"
#include "passes/pass.h"

static bool visit(struct ir_node *n, bool *progress, struct error *err) {
    (void)err;
    if (n->op != IR_MUL) return true;
    for (int i = 0; i < 2; i++) {
        struct ir_node *sigmoid = match_op(ir_in(n, i), IR_SIGMOID);
        struct ir_value *x = ir_in(n, 1 - i);
        if (sigmoid == NULL || ir_in(sigmoid, 0) != x) continue;
        struct ir_node *silu = ir_insert(n, IR_SILU, 1, &x);
        ir_infer_node(silu, NULL);
        ir_out(silu)->name = ir_out(n)->name;
        ir_node_replace(n, ir_out(silu));
        *progress = true;
        return true;
    }
    return true;
}

bool pass_recognise_silu(struct ir_module *m, bool *progress, struct error *err) {
    return match_each(m, visit, progress, err);
}
