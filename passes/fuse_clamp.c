// fuse_clamp: a clamp joins the convolution in front of it, whose kernel clamps for free.
//
//     %c = frame_conv %x, @w, @b {..}      ->  %y = frame_conv %x, @w, @b {.., min=-1.0, max=1.0}
//     %y = clamp %c {min=-1.0, max=1.0}
#include "passes/match.h"
#include "passes/pass.h"

#include <math.h>

static bool visit(struct ir_node *n, bool *progress, struct error *err) {
    (void)err;
    struct ir_node *conv = n->op == IR_CLAMP ? match_op(ir_in(n, 0), IR_FRAME_CONV) : NULL;
    if (conv == NULL || ir_only_user(ir_out(conv)) != n) return true;
    double low = fmax(ir_attr_float(conv, IR_KEY_MIN, -INFINITY), ir_attr_float(n, IR_KEY_MIN, -INFINITY));
    double high = fmin(ir_attr_float(conv, IR_KEY_MAX, INFINITY), ir_attr_float(n, IR_KEY_MAX, INFINITY));
    if (!(low < high)) return true;
    ir_attr_set_float(conv, IR_KEY_MIN, low);
    ir_attr_set_float(conv, IR_KEY_MAX, high);
    ir_take_name(ir_out(conv), ir_out(n), NULL);
    ir_node_replace(n, ir_out(conv));
    *progress = true;
    return true;
}

bool pass_fuse_clamp(struct ir_module *m, bool *progress, struct error *err) {
    return match_each(m, visit, progress, err);
}
