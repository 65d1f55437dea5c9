// fix_frames: what the number of latent frames means where it is fixed, or only declared open.
//
// An unrolled graph first:
//
// An exporter can be told that T is dynamic when tracing has already unrolled the loop over it. Such a graph reads its
// latents frame by frame, at positions 0, 1, .. that are numbers in the file: it holds for exactly as many frames.
//
//     graph @full(%z: f32[1,8,1|1,4,6]) {               graph @full(%z: f32[1,8,3,4,6]) {
//       %a = onnx.slice %z, @0, @1, @2                    ..
//       %b = onnx.slice %z, @1, @2, @2            ->
//       %c = onnx.slice %z, @2, @3, @2                  }
//
// This runs in front of `resolve`, which could not make sense of such slices. It follows the latents through operators
// that work on each frame alone (a 1x1x1 convolution, arithmetic, casts, transposes) as far as the slices; a graph
// that takes each position from 0 to n - 1, and nothing else, has n frames. Whole-sequence graphs do not cut their
// latents at all. Where their number of frames is fixed, that axis is marked as time all the same, so that `resolve` keeps
// track of it, even where it is one frame long, and `retarget_latents` can make it T.
//
//     graph @full(%z: f32[1,8,5,4,6])             ->  graph @full(%z: f32[1,8,5|0,4,6])
#include "passes/match.h"
#include "passes/pass.h"

enum { MAX_FRAMES = 4096, RANK = 5 }; // the latents', and that of all that is followed

struct search {
    bool *seen; // positions that a slice takes
    int64_t most;
    bool others;       // a slice takes something else: then the others are not all the frames there are
    bool reaches_conv; // as its first spatial axis: so the axis that is followed is time
};

static bool constant_int(const struct ir_value *v, int64_t *out) {
    if (!ir_is_int_constant(v) || v->constant->count != 1 || !dim_is_const(v->constant->ints[0]))
        return false;
    *out = v->constant->ints[0].first;
    return true;
}

static void take(struct search *s, int64_t position) {
    if (position < 0 || position >= MAX_FRAMES) return;
    s->seen[position] = true;
    if (position >= s->most) s->most = position + 1;
}

// A slice of one element of the time axis.
static void take_slice(struct search *s, const struct ir_node *n, int axis) {
    int64_t start, end, along;
    bool one_axis = constant_int(ir_in(n, 3), &along);
    if (one_axis && along != axis && along + RANK != axis) return;
    if (one_axis && constant_int(ir_in(n, 1), &start) && constant_int(ir_in(n, 2), &end) && start >= 0 &&
        end > 0 && end - 1 == start)
        take(s, start);
    else s->others = true;
}

static void take_gather(struct search *s, const struct ir_node *n, int axis) {
    int64_t index;
    int64_t along = ir_attr_int(n, IR_KEY_AXIS, 0);
    if (along != axis && along + RANK != axis) return;
    if (constant_int(ir_in(n, 1), &index) && index >= 0) take(s, index);
    else s->others = true;
}

// In as many parts as there are frames.
static void take_split(struct search *s, const struct ir_node *n, int axis) {
    const struct ir_value *sizes = ir_in(n, 1);
    int64_t along = ir_attr_int(n, IR_KEY_AXIS, 0);
    if (along != axis && along + RANK != axis) return;
    bool known = sizes == NULL || ir_is_int_constant(sizes);
    for (int i = 0; known && sizes && i < n->output_count; i++)
        known = i < (int)sizes->constant->count && dim_is(sizes->constant->ints[i], 1);
    if (!known) s->others = true;
    for (int i = 0; known && i < n->output_count; i++) take(s, i);
}

static bool is_pointwise_conv(const struct ir_node *n) {
    const struct ir_type *w = &ir_in(n, 1)->type;
    for (int i = 2; i < w->rank; i++) {
        if (!dim_is(w->dims[i], 1)) return false;
    }
    return w->rank == 5;
}

// The time axis of what `n` makes of its operand, whose time axis is `axis`; -1 if it does more than work on each
// frame.
static int follow(struct search *s, const struct ir_node *n, int axis) {
    int count;
    const int64_t *perm = ir_attr_ints(n, IR_KEY_PERM, &count);
    switch (n->op) {
    case IR_ONNX_CAST:
    case IR_ONNX_CLIP:
    case IR_ONNX_IDENTITY:
    case IR_ONNX_PAD:
        return axis; // of nothing in front of a pointwise convolution; any other ends the search
    case IR_ONNX_CONV:
        if (axis == 2 && ir_in(n, 1)->type.rank == 5) s->reaches_conv = true;
        return axis == 2 && is_pointwise_conv(n) ? axis : -1;
    case IR_ONNX_TRANSPOSE:
        for (int i = 0; i < count; i++) {
            if (perm[i] == axis) return i;
        }
        return -1;
    default: return ir_info(n)->flags & IR_ELEMENTWISE ? axis : -1;
    }
}

static void visit(struct search *s, const struct ir_node *n) {
    int axis = -1;
    for (int i = 0; i < n->input_count && axis < 0; i++) {
        if (ir_in(n, i) != NULL && !ir_in(n, i)->constant) axis = (int)ir_in(n, i)->mark;
    }
    if (axis < 0) return;
    if (n->op == IR_ONNX_SLICE) take_slice(s, n, axis);
    else if (n->op == IR_ONNX_GATHER) take_gather(s, n, axis);
    else if (n->op == IR_ONNX_SPLIT) take_split(s, n, axis);
    else if (n->output_count == 1) ir_out(n)->mark = follow(s, n, axis);
}

// How many frames the graph reads one by one along that axis of its latents; 0 if it does not.
static int64_t frames_read(struct ir_graph *g, int axis, struct arena *scratch, bool *is_time, bool *others) {
    struct search s = {.seen = arena_array(scratch, MAX_FRAMES, sizeof(bool))};
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        for (int i = 0; i < n->output_count; i++) n->outputs[i]->mark = -1;
    }
    g->inputs[0]->mark = axis;
    for (struct ir_node *n = g->body.head; n != NULL; n = n->next) visit(&s, n);
    *is_time = s.reaches_conv;
    *others = s.others;
    for (int64_t i = 0; i < s.most; i++) {
        if (!s.seen[i]) return 0;
    }
    return s.most;
}

static void fix_open(struct ir_graph *g, struct arena *scratch, bool *progress) {
    struct ir_type *t = &g->inputs[0]->type;
    bool is_time, others;
    int64_t frames = frames_read(g, t->time_axis, scratch, &is_time, &others);
    if (frames < 2 || others) return;
    t->dims[t->time_axis] = dim_const(frames);
    t->time_axis = -1;
    ir_note(g->module, "the number of latent frames is declared open, but %lld of them are baked in",
            (long long)frames);
    *progress = true;
}

// Latents are [B, C, T, H, W] or [B, T, C, H, W]; which of the two, the first convolution tells.
static void mark_fixed(struct ir_graph *g, struct arena *scratch, bool *progress) {
    struct ir_type *t = &g->inputs[0]->type;
    for (int axis = 2; axis >= 1; axis--) {
        bool is_time, others;
        int64_t frames = frames_read(g, axis, scratch, &is_time, &others);
        if (!is_time) continue;
        if (frames >= 2 || t->dims[axis].first < 2) return; // unrolled; one image
        t->time_axis = axis;
        *progress = true;
        return;
    }
}

bool pass_fix_frames(struct ir_module *m, bool *progress, struct error *err) {
    struct ir_graph *full = ir_graph_find(m, "full");
    struct ir_type *t = full && full->input_count == 1 ? &full->inputs[0]->type : NULL;
    struct arena scratch = {0};
    (void)err;
    if (t == NULL || t->rank != RANK) return true;
    if (t->time_axis < 0) mark_fixed(full, &scratch, progress);
    else if (!dim_is_const(t->dims[t->time_axis])) fix_open(full, &scratch, progress);
    arena_free(&scratch);
    return true;
}
