// derive_caches: a convolution that is padded causally in time becomes a streaming one with a cache.
//
//     %y = conv %x, @w {pads=[2,1,1,0,1,1], strides=[1,1,1]}      # x: [1, C, 1|1, H, W], w: [O, C, 3, 3, 3]
// ->
//     cache @c0: f32[1,C,2,H,W]
//     %y = causal_conv %x, @w {cache=@c0, pads=[1,1,1,1], strides=[1,1]}
//
// kernel - 1 zero frames in front of the whole sequence and none behind make output frame t depend on input
// frames t - kernel + 1 .. t only. Streamed, those are the last kernel - 1 frames of the earlier steps: the
// cache, which starts as zeros just as the padding does. This holds for any pair first|steady of input
// frames; a convolution behind x[1:] (0|1 frames) sees nothing in step 0 and its cache stays zero, which is
// the reference decoder's rule for its temporal upsamplers.
//
// A graph for one latent frame, fixed, is an image decoder: it becomes a module of @first alone, without caches.
//
// A kernel of one frame needs no cache. Any other padding, or a stride in time, cannot be streamed: an error
// that says why.
#include "passes/causal_conv.h"
#include "passes/match.h"
#include "passes/pass.h"

static bool check_causal(const struct ir_node *n, struct error *err) {
    int count;
    const int64_t *pads = ir_attr_ints(n, IR_KEY_PADS, &count),
                  *strides = ir_attr_ints(n, IR_KEY_STRIDES, &count);
    int64_t kernel = conv_kernel_frames(n);
    if (strides[0] == 1 && pads[0] == kernel - 1 && pads[3] == 0) return true;
    return error_set(err, ERROR_UNSUPPORTED,
                     "node '%s' cannot be streamed: a causal convolution of %lld frames pads "
                     "time by (%lld, 0) with stride 1, found (%lld, %lld) with stride %lld",
                     n->name, (long long)kernel, (long long)kernel - 1, (long long)pads[0],
                     (long long)pads[3], (long long)strides[0]);
}

static bool visit(struct ir_node *n, bool *progress, struct error *err) {
    if (n->op != IR_CONV || ir_in(n, 0)->type.time_axis < 0) return true;
    const struct ir_type *x = &ir_in(n, 0)->type;
    if (x->time_axis < 2) return true; // frames are the batch: a 2D convolution of each
    if (x->rank != 5 || x->time_axis != 2 || !dim_is(x->dims[0], 1)) {
        return error_set(err, ERROR_UNSUPPORTED,
                         "node '%s' cannot be streamed: time must be the first spatial axis of a "
                         "convolution over one sample, found axis %d of rank %d",
                         n->name, x->time_axis, x->rank);
    }
    if (!check_causal(n, err)) return false;
    int64_t kernel = conv_kernel_frames(n);
    if (kernel == 1) return true;
    causal_conv_new(n, ir_in(n, 0), causal_cache_new(n->block->graph->module, *x, kernel - 1, n->name));
    *progress = true;
    return true;
}

// ---- one image

static bool is_volume_conv(const struct ir_node *n) {
    return n->op == IR_CONV && ir_in(n, 0)->type.rank == 5;
}

static bool has_one_frame(const struct ir_graph *g) {
    bool any = false;
    for (const struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        if (!is_volume_conv(n)) continue;
        if (!dim_is(ir_in(n, 0)->type.dims[2], 1)) return false;
        any = true;
    }
    return any;
}

// The whole of a model for one latent frame is a first step, with no later one. Its convolutions stay as they are: only
// their last tap meets the frame, which assign_layout knows.
static bool make_image(struct ir_graph *g, bool *progress, struct error *err) {
    for (const struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        if (is_volume_conv(n) && !check_causal(n, err)) return false;
    }
    g->name = "first";
    g->module->form = "image";
    ir_note(g->module, "image: the model is for one latent frame, and so is the plan");
    *progress = true;
    return true;
}

bool pass_derive_caches(struct ir_module *m, bool *progress, struct error *err) {
    struct ir_graph *full = ir_graph_find(m, "full");
    if (full != NULL && full->input_count == 1 && full->inputs[0]->type.time_axis < 0)
        return !has_one_frame(full) || make_image(full, progress, err);
    return match_each(m, visit, progress, err);
}
