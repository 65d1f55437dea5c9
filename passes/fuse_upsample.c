// fuse_upsample: nearest-neighbour enlargement joins the convolution behind it, which enlarges one frame at a
// time.
//
//     %u = rearrange %x {"a b c d -> a (b e:2) (c f:2) d"}
//     %y = frame_conv %u, @w, @b {..}
// ->  %y = frame_conv %x, @w, @b {.., upsample=2}
//
// The enlarged tensor, four times the size of its input and for all frames, then never exists. Where the
// reader is not one convolution alone, the enlargement becomes the operator frame_upsample.
//
// A rearrangement that does more than that is divided: what else it does, such as frames that repeat or come from
// channels, stays in front, where the frames are small.
//
//     %u = rearrange %x {"a b c (d:512 e:2) -> (a e) (b f:2) (c g:2) d"}
// ->  %r = rearrange %x {"a b c (d:512 e:2) -> (a e) b c d"}
//     %u = frame_upsample %r {factor=2}
#include "ir/rearrange.h"
#include "passes/match.h"
#include "passes/pass.h"

// Rows and columns that end in repeated atoms of one size, the factor (else 0); `rest` is r without them.
static int64_t upsample_factor(const struct ir_rearrange *r, struct ir_rearrange *rest) {
    if (r->in_rank != 4 || r->out_rank != 4 || r->time_atom >= 0 || !r->out_count[1] || !r->out_count[2])
        return 0;
    int k = r->out_count[0] + r->out_count[1] - 1, row = r->out_order[k],
        column = r->out_order[k + r->out_count[2]];
    if (row < r->in_atoms || column < r->in_atoms || !dim_equal(r->size[row], r->size[column])) return 0;
    struct ir_rearrange without = *r;
    without.size[row] = without.size[column] = dim_const(1);
    rearrange_specialise(&without, false, rest); // an atom of size 1 is none
    return r->size[row].first;
}

static struct ir_value *in_front(struct ir_node *n, const struct ir_rearrange *rest) {
    return rearrange_is_identity(rest) ? ir_in(n, 0) : match_rearrange(n, ir_in(n, 0), rest);
}

static bool visit(struct ir_node *n, bool *progress, struct error *err) {
    struct ir_rearrange rest;
    int64_t factor = n->op == IR_REARRANGE ? upsample_factor(ir_attr_rearrange(n), &rest) : 0;
    if (factor == 0) return true;
    struct ir_value *x = in_front(n, &rest);
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
    ir_take_name(ir_out(u), ir_out(n), NULL);
    ir_node_replace(n, ir_out(u));
    return true;
}

bool pass_fuse_upsample(struct ir_module *m, bool *progress, struct error *err) {
    return match_each(m, visit, progress, err);
}
