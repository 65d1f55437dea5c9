// fuse_silu: a SiLU joins the norm in front of it; one kernel then reads and writes each element once.
//
//     %n = frame_norm %x, @gamma {..}      ->  %y = frame_norm %x, @gamma {.., silu=1}
//     %y = silu %n
#include "passes/match.h"
#include "passes/pass.h"

static bool visit(struct ir_node *n, bool *progress, struct error *err) {
    (void)err;
    struct ir_node *norm = n->op == IR_SILU ? match_op(ir_in(n, 0), IR_FRAME_NORM) : NULL;
    if (norm == NULL || ir_only_user(ir_out(norm)) != n || ir_attr_int(norm, IR_KEY_SILU, 0)) return true;
    ir_attr_set_int(norm, IR_KEY_SILU, 1);
    ir_take_name(ir_out(norm), ir_out(n), NULL);
    ir_node_replace(n, ir_out(norm));
    *progress = true;
    return true;
}

bool pass_fuse_silu(struct ir_module *m, bool *progress, struct error *err) {
    return match_each(m, visit, progress, err);
}
