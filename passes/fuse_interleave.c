// fuse_interleave: temporal upsampling costs no copy when the convolution writes its frames where they
// belong.
//
//     %c = frame_conv %x, @w, @b {..}                                  # 2C channels
//     %y = rearrange %c {"a b c (d:2 e:384) -> (a d) b c e"}           # halves of the channels become frames
// ->  %y = frame_conv %x, @w, @b {.., interleave=2}
//
// Nearest upsampling usually follows and has been composed into the same rearrangement by now. It is
// therefore factored: first the interleave, then whatever is left, which stays behind the convolution as a
// rearrangement of its own.
#include "ir/rearrange.h"
#include "passes/match.h"
#include "passes/pass.h"
#include "passes/roles.h"

// "t h w (j:factor c) -> (t j) h w c" for frames of type `t`.
static bool interleave(const struct ir_type *t, int64_t factor, struct ir_rearrange *r) {
    int64_t channels = t->dims[3].first / factor;
    struct ir_dim split[5] = {t->dims[0], t->dims[1], t->dims[2], dim_const(factor), dim_const(channels)};
    struct ir_dim merged[4] = {dim_const(t->dims[0].first * factor), t->dims[1], t->dims[2],
                               dim_const(channels)};
    static const int64_t perm[5] = {0, 3, 1, 2, 4};
    struct ir_rearrange cut, move, merge, both;
    struct ir_type cut_type, moved;
    return rearrange_reshape(t, 5, split, &cut) && rearrange_out_type(&cut, t->dtype, &cut_type) &&
           rearrange_transpose(&cut_type, perm, &move) && rearrange_out_type(&move, t->dtype, &moved) &&
           rearrange_reshape(&moved, 4, merged, &merge) && rearrange_compose(&cut, &move, &both) &&
           rearrange_compose(&both, &merge, r);
}

// The first axis of a video of [channels, frames, height, width] is not frames.
static bool gives_frames(const struct ir_rearrange *r) {
    enum role in[4], out[IR_MAX_RANK];
    roles_of_frames(in);
    return roles_behind(r, in, out) && out[0] == ROLE_FRAMES;
}

// The size of the outer part of the channels, if `r` moves it to the end of the frames; else 0.
static int64_t interleave_factor(const struct ir_rearrange *r) {
    if (r->in_rank != 4 || r->out_rank != 4 || r->in_count[3] < 2 || !gives_frames(r)) return 0;
    int outer = r->in_atoms - r->in_count[3], axis, position;
    rearrange_place(r, outer, &axis, &position);
    return axis == 0 && position + 1 == r->out_count[0] ? r->size[outer].first : 0;
}

static bool visit(struct ir_node *n, bool *progress, struct error *err) {
    struct ir_node *conv = n->op == IR_REARRANGE ? match_op(ir_in(n, 0), IR_FRAME_CONV) : NULL;
    if (conv == NULL || ir_only_user(ir_out(conv)) != n || ir_attr_int(conv, IR_KEY_INTERLEAVE, 1) != 1)
        return true;
    const struct ir_rearrange *r = ir_attr_rearrange(n);
    int64_t factor = interleave_factor(r);
    struct ir_rearrange first, undo, rest;
    if (factor < 2 || !interleave(&ir_out(conv)->type, factor, &first) || !rearrange_inverse(&first, &undo) ||
        !rearrange_compose(&undo, r, &rest))
        return true;
    ir_attr_set_int(conv, IR_KEY_INTERLEAVE, factor);
    ir_take_name(ir_out(conv), ir_out(conv), &undo);
    if (!ir_infer_node(conv, err)) return false;
    if (rearrange_is_identity(&rest)) ir_node_replace(n, ir_out(conv));
    else ir_attr_set_rearrange(n, &rest);
    *progress = true;
    return true;
}

bool pass_fuse_interleave(struct ir_module *m, bool *progress, struct error *err) {
    return match_each(m, visit, progress, err);
}
