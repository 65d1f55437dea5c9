// assign_layout: from tensors in the exporter's axis order to frames, [frames, height, width, channels].
//
//     %y = causal_conv %x, @w, @b {cache=@c0, pads=[1,1,1,1]}    # x: [1, C, T, H, W]
// ->
//     %f = rearrange %x {"1 a b c d -> b c d a"}                 # to frames
//     %v = window %f {cache=@c0}                                 # the cache's frames, then the new ones
//     %g = frame_conv %v, @w, @b {taps=3, pads=[1,1,1,1]}        # frame t reads window frames t .. t+2
//     cache_push %v {cache=@c0}                                  # its last frames are the next cache
//     %y = rearrange %g {"a b c d -> 1 d a b c"}                 # and back
//
// Convolutions, norms and attention are rewritten one by one, each between two rearrangements that fit its
// axes. The exporter's own transposes and reshapes around 2D convolutions are rearrangements as well, so that
// after sink_rearranges and fold_rearranges nearly all of them cancel; nobody needs to know which layout the
// exporter had.
//
// In the first variant, whose caches are empty, a convolution with one live tap reads its input directly; the
// push remains. Temporal kernels between: the window is cut to the live taps. Caches are declared in frames
// from here on. A decoder of one latent frame (no graph steady) may also have plain convolutions that pad its
// one frame in time: they read it with their last tap.
#include "base/size.h"
#include "ir/rearrange.h"
#include "passes/causal_conv.h"
#include "passes/match.h"
#include "passes/pass.h"
#include "plan/plan.h"

static bool refuse(const struct ir_node *n, struct error *err, const char *why) {
    return error_set(err, ERROR_UNSUPPORTED, "node '%s' (%s): %s", n->name, ir_info(n)->name, why);
}

// The rearrangement of a tensor to frames when `channels` is its channel axis: the other axes in their order
// become frames, height and width. `flat`: the last of them is a list of positions, width, and height is 1.
static bool to_frames(const struct ir_type *t, int channels, bool flat, struct ir_rearrange *r) {
    int64_t perm[IR_MAX_RANK];
    int spatial = flat ? 1 : 2, others = t->rank - 1, k = 0;
    struct ir_dim dims[4] = {dim_const(1), dim_const(1), dim_const(1), t->dims[channels]};
    for (int i = 0; i < t->rank; i++) {
        if (i == channels) continue;
        int axis = k < others - spatial ? 0 : 3 - (others - k); // leading axes merge into frames
        if (!dim_mul(dims[axis], t->dims[i], &dims[axis])) return false;
        perm[k++] = i;
    }
    perm[k] = channels;
    struct ir_rearrange move, shape;
    struct ir_type moved;
    return rearrange_transpose(t, perm, &move) && rearrange_out_type(&move, t->dtype, &moved) &&
           rearrange_reshape(&moved, 4, dims, &shape) && rearrange_compose(&move, &shape, r);
}

static struct ir_value *in_frames(struct ir_node *at, struct ir_value *v, int channels, bool flat) {
    struct ir_rearrange r;
    return to_frames(&v->type, channels, flat, &r) ? match_rearrange(at, v, &r) : NULL;
}

// Replaces `n` by `frames`, rearranged back to the type that n has.
static bool replace_by_frames(struct ir_node *n, struct ir_value *frames, int channels, bool flat,
                              struct error *err) {
    struct ir_rearrange there, back;
    if (!to_frames(&ir_out(n)->type, channels, flat, &there) || !rearrange_inverse(&there, &back)) {
        return refuse(n, err, "its result is not a list of frames");
    }
    struct ir_value *moved = match_rearrange(n, frames, &back);
    ir_take_name(frames, ir_out(n), &back); // the computation keeps the ONNX name, not the movement behind it
    ir_node_replace(n, moved);
    return true;
}

// 2D weights [O, C, kh, kw] as [O, C, 1, kh, kw]: the same bytes.
static struct ir_value *weight_in_time(struct ir_module *m, struct ir_value *w) {
    if (w->type.rank == 5) return w;
    struct ir_dim dims[5] = {w->type.dims[0], w->type.dims[1], dim_const(1), w->type.dims[2],
                             w->type.dims[3]};
    struct ir_value *v = ir_constant_new(m, ir_fresh_name(m, w->name), ir_type_make(IR_F32, 5, dims));
    *v->constant = *w->constant;
    return v;
}

static struct ir_value *frame_conv(struct ir_node *at, struct ir_value *x, int64_t taps, const int64_t *pads,
                                   const int64_t *strides, struct error *err) {
    struct ir_value *inputs[] = {x, weight_in_time(at->block->graph->module, ir_in(at, 1)), ir_in(at, 2)};
    struct ir_node *c = ir_insert(at, IR_FRAME_CONV, inputs[2] ? 3 : 2, inputs);
    ir_attr_set_int(c, IR_KEY_TAPS, taps);
    ir_attr_set_ints(c, IR_KEY_PADS, 4, pads);
    ir_attr_set_ints(c, IR_KEY_STRIDES, 2, strides);
    return ir_infer_node(c, err) ? ir_out(c) : NULL;
}

// Whether each output frame reads one input frame, with the kernel's last tap: the kernel has no other, or the
// only frame (of a decoder for images) has nothing but zeros in front of it.
static bool reads_one_frame(const struct ir_node *n, int64_t pad) {
    int64_t kernel = conv_kernel_frames(n);
    return pad == kernel - 1 && (kernel == 1 || dim_is(ir_in(n, 0)->type.dims[2], 1));
}

static bool lower_conv(struct ir_node *n, struct error *err) {
    int rank = ir_in(n, 0)->type.rank, count;
    if (rank != 4 && rank != 5) return refuse(n, err, "only 2D and 3D convolutions are supported");
    if (!ir_in(n, 1)->constant) return refuse(n, err, "the weights are not constant");
    const int64_t *pads = ir_attr_ints(n, IR_KEY_PADS, &count),
                  *strides = ir_attr_ints(n, IR_KEY_STRIDES, &count);
    int t = rank - 4, spatial = rank - 2;
    if (t && (pads[spatial] != 0 || strides[0] != 1 || !reads_one_frame(n, pads[0]))) {
        return refuse(n, err, "a convolution over time that is not causal cannot be streamed");
    }
    int64_t pads2[4] = {pads[t], pads[t + 1], pads[t + spatial], pads[t + 1 + spatial]};
    struct ir_value *x = in_frames(n, ir_in(n, 0), 1, false);
    if (x == NULL) return refuse(n, err, "its input is not a list of frames");
    struct ir_value *y = frame_conv(n, x, 1, pads2, strides + t, err);
    return y && replace_by_frames(n, y, 1, false, err);
}

static struct ir_value *window(struct ir_node *at, struct ir_value *x, int64_t kernel, int64_t taps,
                               struct ir_cache *c) {
    struct ir_node *w = ir_insert(at, IR_WINDOW, 1, &x);
    ir_attr_set_cache(w, c);
    ir_infer_node(w, NULL);
    return match_slice(at, ir_out(w), 0, kernel - taps, ir_out(w)->type.dims[0].first);
}

// Without them nobody reads what a cache would keep.
static bool has_later_steps(const struct ir_module *m) { return ir_graph_find(m, "steady") != NULL; }

static bool lower_causal_conv(struct ir_node *n, struct error *err) {
    struct ir_cache *c = ir_attr_cache(n);
    int count;
    const int64_t *pads = ir_attr_ints(n, IR_KEY_PADS, &count),
                  *strides = ir_attr_ints(n, IR_KEY_STRIDES, &count);
    int64_t kernel = conv_kernel_frames(n), taps = ir_attr_int(n, IR_KEY_TAPS, kernel);
    struct ir_value *x = in_frames(n, ir_in(n, 0), 1, false), *kept = x;
    if (x == NULL) return refuse(n, err, "its input is not a list of frames");
    if (taps > 1) {
        x = window(n, x, kernel, taps, c);
        kept = taps == kernel ? x : ir_in(x->def, 0);
    }
    struct ir_value *y = frame_conv(n, x, taps, pads, strides, err);
    if (has_later_steps(n->block->graph->module)) {
        struct ir_node *push = ir_insert(n, IR_CACHE_PUSH, 1, &kept);
        ir_attr_set_cache(push, c);
    }
    return y && replace_by_frames(n, y, 1, false, err);
}

static bool lower_norm(struct ir_node *n, struct error *err) {
    int axis = (int)ir_attr_int(n, IR_KEY_AXIS, 0);
    struct ir_value *x = in_frames(n, ir_in(n, 0), axis, false);
    if (x == NULL) return refuse(n, err, "its input is not a list of frames");
    struct ir_value *inputs[] = {x, ir_in(n, 1)};
    struct ir_node *norm = ir_insert(n, IR_FRAME_NORM, inputs[1] ? 2 : 1, inputs);
    ir_attr_set_float(norm, IR_KEY_EPSILON, ir_attr_float(n, IR_KEY_EPSILON, 0));
    ir_attr_set_float(norm, IR_KEY_SCALE, ir_attr_float(n, IR_KEY_SCALE, 1));
    return ir_infer_node(norm, err) && replace_by_frames(n, ir_out(norm), axis, false, err);
}

static bool lower_attention(struct ir_node *n, struct error *err) {
    struct ir_value *inputs[3];
    int rank = ir_out(n)->type.rank;
    for (int i = 0; i < 3; i++) {
        inputs[i] = in_frames(n, ir_in(n, i), rank - 1, true);
        if (inputs[i] == NULL) return refuse(n, err, "its inputs are not lists of positions");
    }
    struct ir_node *a = ir_insert(n, IR_FRAME_ATTENTION, 3, inputs);
    ir_attr_set_float(a, IR_KEY_SCALE, ir_attr_float(n, IR_KEY_SCALE, 1));
    return ir_infer_node(a, err) && replace_by_frames(n, ir_out(a), rank - 1, true, err);
}

// Frames of zeros beside others: the padded axis is time, and tells which one the channels are.
static bool lower_pad(struct ir_node *n, struct error *err) {
    const struct ir_type *t = &ir_out(n)->type;
    int count, time = -1;
    const int64_t *pads = ir_attr_ints(n, IR_KEY_PADS, &count);
    for (int i = 0; i < t->rank; i++) {
        if (pads[i] == 0 && pads[i + t->rank] == 0) continue;
        if (time >= 0 || i >= t->rank - 2)
            return refuse(n, err, "zeros beside images are not supported here");
        time = i;
    }
    int channels = time == 1 ? 2 : 1;
    struct ir_value *x = t->rank == 4 || t->rank == 5 ? in_frames(n, ir_in(n, 0), channels, false) : NULL;
    if (x == NULL) return refuse(n, err, "its input is not a list of frames");
    struct ir_node *p = ir_insert(n, IR_FRAME_PAD, 1, &x);
    ir_attr_set_int(p, IR_KEY_START, pads[time]);
    ir_attr_set_int(p, IR_KEY_END, pads[time + t->rank]);
    return ir_infer_node(p, err) && replace_by_frames(n, ir_out(p), channels, false, err);
}

static bool visit(struct ir_node *n, bool *progress, struct error *err) {
    switch (n->op) {
    case IR_PAD: *progress = true; return lower_pad(n, err);
    case IR_CONV: *progress = true; return lower_conv(n, err);
    case IR_CAUSAL_CONV: *progress = true; return lower_causal_conv(n, err);
    case IR_RMS_NORM: *progress = true; return lower_norm(n, err);
    case IR_ATTENTION: *progress = true; return lower_attention(n, err);
    default: return true;
    }
}

// [1, C, T, H, W] -> [T, H, W, C].
static void lower_cache(struct ir_cache *c) {
    struct ir_dim *d = c->type.dims;
    struct ir_dim frames[4] = {d[2], d[3], d[4], d[1]};
    c->type = ir_type_make(IR_F32, 4, frames);
}

// ---- sizes

// Behind this, counts of elements are multiplied by sizes of numbers and added up without a look: they are small enough. Of a
// length that depends on the video's, both its parts count.
static bool is_size(const struct ir_type *t) {
    uint64_t count = 1;
    for (int i = 0; i < t->rank; i++) {
        struct ir_dim d = t->dims[i];
        if (d.first < 0 || d.steady < 0) return false;
        count = size_times(count, (uint64_t)(d.first > d.steady ? d.first : d.steady));
    }
    return count <= PLAN_MAX_BYTES / sizeof(float);
}

static bool check_value(const struct ir_value *v, struct error *err) {
    if (v->type.rank < 0) return error_set(err, ERROR_INPUT, "value '%s': its shape is not known", v->name);
    return is_size(&v->type) ||
           error_set(err, ERROR_INPUT, "value '%s': expected at most %llu bytes, found more", v->name,
                     (unsigned long long)PLAN_MAX_BYTES);
}

static bool check_values(const struct ir_graph *g, struct error *err) {
    for (int i = 0; i < g->input_count; i++) {
        if (!check_value(g->inputs[i], err)) return false;
    }
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        for (int i = 0; i < n->output_count; i++) {
            if (!check_value(n->outputs[i], err)) return false;
        }
    }
    return true;
}

static bool check_sizes(const struct ir_module *m, struct error *err) {
    for (struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        if (!check_values(g, err)) return false;
    }
    return true;
}

// ---- the pass

bool pass_assign_layout(struct ir_module *m, bool *progress, struct error *err) {
    if (!check_sizes(m, err)) return false;
    for (struct ir_cache *c = m->caches; c != NULL; c = c->next) {
        if (c->type.rank == 5) lower_cache(c);
    }
    return match_each(m, visit, progress, err) &&
           (!*progress || (pass_fold_rearranges(m, progress, err) && pass_eliminate_dead(m, progress, err)));
}
