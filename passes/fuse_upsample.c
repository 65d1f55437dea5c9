// fuse_upsample: nearest-neighbour enlargement joins the convolution behind it, which enlarges one frame at a
// time.
//
//     %u = rearrange %x {"a b c d -> a (b e:2) (c f:2) d"}
//     %y = frame_conv %u, @w, @b {..}
// ->  %y = frame_conv %x, @w, @b {.., upsample=2}
//
// The enlarged tensor, four times the size of its input and for all frames, then never exists. Where the
// reader is not one convolution alone, the enlargement becomes the operator frame_upsample.
#include "ir/rearrange.h"
#include "passes/match.h"
#include "passes/pass.h"

static int64_t upsample_factor(const struct ir_type *t, const struct ir_rearrange *r) {
    struct ir_type out, one;
    struct ir_rearrange rows, columns, expected;
    if (!rearrange_out_type(r, t->dtype, &out) || out.rank != 4 || t->rank != 4 || rearrange_repeats(r) == 0)
        return 0;
    int64_t factor = t->dims[1].first ? out.dims[1].first / t->dims[1].first : 0;
    bool ok = factor > 1 && rearrange_repeat(t, 1, factor, true, &rows) &&
              rearrange_out_type(&rows, t->dtype, &one) &&
              rearrange_repeat(&one, 2, factor, true, &columns) &&
              rearrange_compose(&rows, &columns, &expected);
    return ok && rearrange_equal(&expected, r) ? factor : 0;
}

static bool visit(struct ir_node *n, bool *progress, struct error *err) {
    int64_t factor = n->op == IR_REARRANGE ? upsample_factor(&ir_in(n, 0)->type, ir_attr_rearrange(n)) : 0;
    if (factor == 0) return true;
    struct ir_value *x = ir_in(n, 0);
    struct ir_node *user = ir_only_user(ir_out(n));
    *progress = true;
    if (user && user->op == IR_FRAME_CONV && ir_attr_int(user, IR_KEY_UPSAMPLE, 1) == 1 &&
        ir_attr_int(user, IR_KEY_TAPS, 1) == 1) {
        ir_attr_set_int(user, IR_KEY_UPSAMPLE, factor);
        ir_node_set_input(user, 0, x);
        ir_node_remove(n);
        return ir_infer_node(user, err);
    }
    struct ir_node *u = ir_insert(n, IR_FRAME_UPSAMPLE, 1, &x);
    ir_attr_set_int(u, IR_KEY_FACTOR, factor);
    if (!ir_infer_node(u, err)) return false;
    ir_node_replace(n, ir_out(u));
    return true;
}

bool pass_fuse_upsample(struct ir_module *m, bool *progress, struct error *err) {
    return match_each(m, visit, progress, err);
}
