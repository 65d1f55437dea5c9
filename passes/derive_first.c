// derive_first: the first step of a model that only says what the later ones do.
//
// A step with explicit caches does not tell what happens before there are any. The reference decoder's rule: the
// temporal upsamplers are left out, and their caches stay zero. So @first is @steady without them:
//
//     %c = causal_conv %x, @t {cache=@c1, ..}                    # t: [2C, C, 3, 1, 1]
//     %i = rearrange %c {pattern="1 (a:2 b) 1 c d -> 1 b a c d"} # two halves of the channels become two frames
// ->
//     %i = rearrange %x {pattern="1 b 1 c d -> 1 b 1 c d"}       # the identity
//
// A temporal upsampler is recognised by what it does: a causal convolution over time alone (its kernel is 1x1 in
// space) that makes r times the channels, read by one rearrangement only, which moves the outer r of them behind time.
// From there on there are fewer frames, which `retarget_graph` carries through. A shortcut around the upsampler that
// repeats frames (Wan 2.2) then has more of them than the main path: the last ones count, as in the reference.
//
// The other caches are those of @steady: they get the one frame that each convolution is given.
#include "passes/causal_conv.h"
#include "passes/frame_list.h"
#include "passes/match.h"
#include "passes/pass.h"
#include "passes/retarget.h"

#include "ir/rearrange.h"

static bool is_over_time_alone(const struct ir_node *conv) {
    const struct ir_type *w = &ir_in(conv, 1)->type;
    int count;
    const int64_t *pads = ir_attr_ints(conv, IR_KEY_PADS, &count);
    for (int i = 0; i < count; i++) {
        if (pads[i] != 0) return false;
    }
    return dim_is(w->dims[3], 1) && dim_is(w->dims[4], 1) && w->dims[0].first > w->dims[1].first &&
           w->dims[0].first % w->dims[1].first == 0;
}

// Whether the outer part of the channels, which is atom 0, ends up innermost on an axis that holds nothing but time.
static bool moves_to_time(const struct ir_rearrange *r) {
    int axis, position;
    rearrange_place(r, 0, &axis, &position);
    if (position != r->out_count[axis] - 1 || position > 1) return false;
    if (r->out_rank == 5 && axis != 1 && axis != FRAME_AXIS)
        return false; // of a video; [B, T, C, H, W] or [B, C, T, H, W]
    return position == 0 || (r->in_count[FRAME_AXIS] == 1 &&
                             r->out_order[rearrange_first_out(r, axis)] == rearrange_first_in(r, FRAME_AXIS));
}

// The rearrangement that ends a temporal upsampler which begins with `conv`; NULL if that is none.
static struct ir_node *match_upsampler(const struct ir_node *conv) {
    struct ir_node *n =
        conv->op == IR_CAUSAL_CONV && is_over_time_alone(conv) ? ir_only_user(ir_out(conv)) : NULL;
    const struct ir_rearrange *r = n && n->op == IR_REARRANGE ? ir_attr_rearrange(n) : NULL;
    if (r == NULL || r->in_rank != 5 || r->in_count[0] != 0 || r->in_count[1] < 1) return NULL;
    const struct ir_type *w = &ir_in(conv, 1)->type;
    bool split =
        dim_is(r->size[0], w->dims[0].first / w->dims[1].first); // axis 0 has no atom: the channels' first
    return split && moves_to_time(r) ? n : NULL;
}

static int bypass_upsamplers(struct ir_graph *first) {
    int count = 0;
    for (struct ir_node *n = first->body.head, *next; n != NULL; n = next) {
        next = n->next;
        struct ir_node *r = match_upsampler(n);
        struct ir_rearrange bypass;
        if (r == NULL) continue;
        rearrange_resize_atom(ir_attr_rearrange(r), 0, dim_const(1),
                              &bypass); // the inner part of the channels
        ir_attr_set_rearrange(r, &bypass);
        ir_node_set_input(r, 0,
                          ir_in(n, 0)); // its type is still that of more frames: retarget_graph sees both
        if (next == r) next = r->next;
        ir_node_remove(n);
        count++;
    }
    return count;
}

// The reference decoder's first step gives one frame. What gives more has something that doubles frames and was not
// recognised.
static void note_frames(struct ir_graph *first) {
    const struct ir_node *results = ir_return_of(first);
    if (results->input_count == 1 && has_several_frames(&ir_in(results, 0)->type))
        ir_note(first->module,
                "warning: the first step gives several frames, where the reference decoder's gives one: "
                "something makes frames of one frame and is not a temporal upsampler as they are known");
}

bool pass_derive_first(struct ir_module *m, bool *progress, struct error *err) {
    struct ir_graph *steady = ir_graph_find(m, "steady");
    if (steady == NULL || steady->input_count != 1 || ir_graph_find(m, "first") != NULL) return true;
    struct ir_graph *first = ir_graph_clone(steady, "first");
    struct ir_type latents = first->inputs[0]->type;
    ir_set_steps(m, first, steady);
    int count = bypass_upsamplers(first);
    ir_note(m,
            count > 0
                ? "the file has no first step: it is made by the reference decoder's rule, which leaves out "
                  "%d temporal upsamplers (--first=as-is takes the step itself)"
                : "the file has no first step, and no temporal upsampler (%d): the first step is like the "
                  "later ones",
            count);
    *progress = true;
    if (!retarget_graph(first, &latents, RETARGET_LAST_FRAMES, err)) return false;
    note_frames(first);
    return pass_simplify(m, progress, err) && pass_fold_rearranges(m, progress, err) &&
           pass_eliminate_dead(m, progress, err);
}
