// The operators of one node: values become views, attributes become parameters, constants are laid out as the kernels
// want them (emit_constants.c). A node whose result is only another view of its operand's buffer (slice, reshape)
// gives no operator.
#include "passes/emitter.h"

#include "ir/rearrange.h"
#include "passes/conv_choice.h"
#include "passes/conv_node.h"
#include "passes/emit_rearrange.h"
#include "passes/storage.h"
#include "passes/stream.h"

#include <math.h>
#include <string.h>

bool emit_refuse(struct emitter *e, const struct ir_node *n, const char *why) {
    return error_set(e->err, ERROR_UNSUPPORTED, "node '%s' (%s): %s", n->name, ir_info(n)->name, why);
}

static bool has_data(struct emitter *e, const struct ir_node *n, const struct ir_value *v) {
    return ir_is_float_constant(v) || emit_refuse(e, n, "a weight is not a constant with data");
}

// ---- views

// A view that the next operator uses: a buffer is alive from its first use to its last.
static uint32_t used_view(struct emitter *e, struct plan_view v) {
    if (v.space == PLAN_ARENA) {
        struct plan_buffer *b = &e->buffers[v.index];
        if (b->first_op > e->op_index) b->first_op = e->op_index;
        b->last_op = e->op_index;
    }
    return plan_writer_view(e->w, v);
}

static struct plan_view place_of(const struct ir_type *t, const struct ir_storage *s) {
    return (struct plan_view){.frames = (uint32_t)t->dims[0].first,
                              .height = (uint32_t)t->dims[1].first,
                              .width = (uint32_t)t->dims[2].first,
                              .channels = (uint32_t)t->dims[3].first,
                              .space = PLAN_ARENA,
                              .index = s->buffer,
                              .offset = s->offset,
                              .frame_stride = s->frame_stride,
                              .row_stride = s->row_stride,
                              .pixel_stride = s->pixel_stride,
                              .channel_stride = s->channel_stride};
}

struct plan_view emit_place(const struct ir_value *v) {
    return place_of(&v->type, &v->storage);
}

static uint32_t view_of(struct emitter *e, const struct ir_type *t, const struct ir_storage *s) {
    return used_view(e, place_of(t, s));
}

static uint32_t view(struct emitter *e, const struct ir_value *v) {
    return view_of(e, &v->type, &v->storage);
}

static uint32_t scratch_view(struct emitter *e, const struct ir_node *n, int64_t frames, int64_t height,
                             int64_t width, int64_t channels) {
    struct ir_dim dims[4] = {dim_const(frames), dim_const(height), dim_const(width), dim_const(channels)};
    struct ir_type t = ir_type_make(IR_F32, 4, dims);
    struct ir_storage s = storage_dense(&t);
    s.buffer = (uint32_t)ir_attr_int(n, IR_KEY_SCRATCH, 0);
    return view_of(e, &t, &s);
}

// Frames [start, start + frames) of a cache: of one that is copied, stored [height][width][frames][channels]; of a
// history, where it lies at even steps.
static struct plan_view cache_frames(struct emitter *e, const struct ir_cache *c, int64_t start,
                                     int64_t frames) {
    struct ir_storage s = stream_keeps(e->m, c) ? stream_history(c) : storage_window(&c->type);
    return (struct plan_view){.space = PLAN_CACHE,
                              .index = (uint32_t)c->index,
                              .frames = (uint32_t)frames,
                              .height = (uint32_t)c->type.dims[1].first,
                              .width = (uint32_t)c->type.dims[2].first,
                              .channels = (uint32_t)c->type.dims[3].first,
                              .offset = s.offset + (uint64_t)start * s.frame_stride,
                              .frame_stride = s.frame_stride,
                              .row_stride = s.row_stride,
                              .pixel_stride = s.pixel_stride,
                              .channel_stride = 1};
}

// Frames [start, start + frames) of a value.
static uint32_t part_view(struct emitter *e, const struct ir_value *v, int64_t start, int64_t frames) {
    struct ir_type t = v->type;
    struct ir_storage s = v->storage;
    t.dims[0] = dim_const(frames);
    s.offset += (uint64_t)start * s.frame_stride;
    return view_of(e, &t, &s);
}

// ---- operators

static struct plan_op new_op(struct emitter *e, const struct ir_node *n, uint32_t kind) {
    const char *name = n->name[0] ? n->name : n->output_count ? ir_out(n)->name : ir_info(n)->name;
    return (struct plan_op){.kind = kind,
                            .name = plan_writer_string(e->w, name),
                            .in = {PLAN_NONE, PLAN_NONE, PLAN_NONE},
                            .out = PLAN_NONE,
                            .scratch = PLAN_NONE,
                            .constant = {PLAN_NONE, PLAN_NONE, PLAN_NONE}};
}

// What the algorithm of a convolution was chosen from.
static void add_choices(struct emitter *e, const struct ir_node *n, uint32_t algorithm) {
    struct plan_conv_shape shape = conv_node_shape(n);
    const struct conv_shape_choice *s = e->m->choice ? conv_choice_find(e->m->choice, &shape) : NULL;
    if (s == NULL || s->candidates[s->chosen].algorithm != algorithm) return; // or somebody else chose it
    for (uint32_t i = 0; i < s->candidate_count; i++) {
        const struct conv_candidate *k = &s->candidates[i];
        plan_writer_choice(e->w, e->variant,
                           (struct plan_choice){.op = e->op_index,
                                                .algorithm = k->algorithm,
                                                .source = k->source,
                                                .seconds = (float)k->seconds,
                                                .error = (float)k->error});
    }
}

static bool add(struct emitter *e, const struct plan_op *op) {
    plan_writer_op(e->w, e->variant, *op);
    e->op_index++;
    return true;
}

static bool copy(struct emitter *e, const struct ir_node *n, uint32_t from, uint32_t to) {
    struct plan_op op = new_op(e, n, PLAN_OP_COPY);
    op.in[0] = from;
    op.out = to;
    return add(e, &op);
}

// What frame_conv and stream_conv have in common: x, weight and bias.
static bool new_conv(struct emitter *e, const struct ir_node *n, struct plan_op *op) {
    uint64_t outputs = (uint64_t)ir_in(n, 1)->type.dims[0].first;
    if (!has_data(e, n, ir_in(n, 1)) || (ir_in(n, 2) && !has_data(e, n, ir_in(n, 2)))) return false;
    *op = new_op(e, n, PLAN_OP_CONV);
    op->params.conv = conv_node_params(n);
    add_choices(e, n, op->params.conv.algorithm);
    op->in[PLAN_CONV_IMAGE] = view(e, ir_in(n, 0));
    op->out = view(e, n->outputs[0]);
    op->constant[0] = emit_weight(&e->constants, ir_in(n, 1));
    if (ir_in(n, 2)) op->constant[1] = emit_vector(&e->constants, ir_in(n, 2), outputs);
    return true;
}

static bool emit_conv(struct emitter *e, const struct ir_node *n) {
    const struct ir_dim *x = ir_in(n, 0)->type.dims;
    struct plan_op op;
    if (!new_conv(e, n, &op)) return false;
    int64_t u = op.params.conv.upsample;
    if (u > 1 && op.params.conv.algorithm == PLAN_CONV_DIRECT)
        op.scratch = scratch_view(e, n, 1, x[1].first * u, x[2].first * u, x[3].first);
    return add(e, &op);
}

static bool emit_prologue(struct emitter *e, const struct ir_node *n, struct plan_op *op) {
    const char *prologue = ir_attr_string(n, IR_KEY_PROLOGUE, "");
    const struct ir_value *gamma = ir_in(n, STREAM_GAMMA);
    if (prologue[0] == 0) return true;
    if (gamma != NULL && !has_data(e, n, gamma)) return false;
    op->params.conv.prologue =
        strcmp(prologue, "norm_silu") == 0 ? PLAN_PROLOGUE_NORM_SILU : PLAN_PROLOGUE_NORM;
    op->params.conv.norm_scale = (float)ir_attr_float(n, IR_KEY_SCALE, 1);
    op->params.conv.norm_epsilon = (float)ir_attr_float(n, IR_KEY_EPSILON, 0);
    if (gamma != NULL) op->constant[2] = emit_vector(&e->constants, gamma, gamma->constant->count);
    return true;
}

static bool emit_stream_conv(struct emitter *e, const struct ir_node *n) {
    const struct ir_value *residual = ir_in(n, STREAM_RESIDUAL);
    struct plan_op op;
    if (!new_conv(e, n, &op) || !emit_prologue(e, n, &op)) return false;
    if (residual != NULL) op.in[PLAN_CONV_RESIDUAL] = view(e, residual);
    if (ir_attr_find(n, IR_KEY_CACHE) == NULL) return add(e, &op);
    const struct ir_cache *c = ir_attr_cache(n);
    op.in[PLAN_CONV_HISTORY] = plan_writer_view(e->w, cache_frames(e, c, 0, c->type.dims[0].first));
    return add(e, &op);
}

static bool emit_norm(struct emitter *e, const struct ir_node *n) {
    struct plan_op op = new_op(e, n, PLAN_OP_NORM);
    op.params.norm = (struct plan_norm){.scale = (float)ir_attr_float(n, IR_KEY_SCALE, 1),
                                        .epsilon = (float)ir_attr_float(n, IR_KEY_EPSILON, 0),
                                        .silu = (uint32_t)ir_attr_int(n, IR_KEY_SILU, 0)};
    op.in[0] = view(e, ir_in(n, 0));
    op.out = view(e, n->outputs[0]);
    if (ir_in(n, 1) && !has_data(e, n, ir_in(n, 1))) return false;
    if (ir_in(n, 1)) op.constant[0] = emit_vector(&e->constants, ir_in(n, 1), ir_in(n, 1)->constant->count);
    return add(e, &op);
}

// x op constant as out = x * a + b.
static bool emit_scale(struct emitter *e, const struct ir_node *n, const struct ir_value *x,
                       const struct ir_value *c, bool right) {
    struct plan_op op = new_op(e, n, PLAN_OP_SCALE);
    uint64_t channels = (uint64_t)x->type.dims[3].first;
    struct emit_fill f = {.c = c->constant, .scale = n->op == IR_SUB ? -1 : 1};
    bool product = n->op == IR_MUL || n->op == IR_DIV;
    if (!has_data(e, n, c)) return false;
    if (!right && (n->op == IR_SUB || n->op == IR_DIV))
        return emit_refuse(e, n, "a constant on the left is not supported");
    bool per_channel = c->type.rank > 0 && dim_is(c->type.dims[c->type.rank - 1], (int64_t)channels) &&
                       c->constant->count == channels; // all of them along the last axis
    if (c->constant->count != 1 && !per_channel)
        return emit_refuse(e, n, "the constant is not one value per channel");
    if (n->op == IR_DIV) f.reciprocal = 1;
    op.in[0] = view(e, x);
    op.out = view(e, n->outputs[0]);
    op.constant[product ? 0 : 1] = emit_constant(&e->constants, c, f, channels);
    return add(e, &op);
}

static bool emit_binary(struct emitter *e, const struct ir_node *n) {
    static const uint32_t ops[] = {
        [IR_ADD] = PLAN_ADD, [IR_SUB] = PLAN_SUB, [IR_MUL] = PLAN_MUL, [IR_DIV] = PLAN_DIV};
    const struct ir_value *a = ir_in(n, 0), *b = ir_in(n, 1);
    if (b->constant) return emit_scale(e, n, a, b, true);
    if (a->constant) return emit_scale(e, n, b, a, false);
    if (!ir_type_equal(&a->type, &b->type))
        return emit_refuse(e, n, "operands of different shapes are not supported");
    struct plan_op op = new_op(e, n, PLAN_OP_BINARY);
    op.params.binary.op = ops[n->op];
    op.in[0] = view(e, a);
    op.in[1] = view(e, b);
    op.out = view(e, n->outputs[0]);
    return add(e, &op);
}

static bool emit_unary(struct emitter *e, const struct ir_node *n) {
    struct plan_op op = new_op(e, n, PLAN_OP_UNARY);
    op.params.unary.op = n->op == IR_SILU ? PLAN_SILU : n->op == IR_SIGMOID ? PLAN_SIGMOID : PLAN_CLAMP;
    if (n->op == IR_CLAMP) {
        op.params.unary.min = (float)ir_attr_float(n, IR_KEY_MIN, -INFINITY);
        op.params.unary.max = (float)ir_attr_float(n, IR_KEY_MAX, INFINITY);
    }
    op.in[0] = view(e, ir_in(n, 0));
    op.out = view(e, n->outputs[0]);
    return add(e, &op);
}

static bool emit_attention(struct emitter *e, const struct ir_node *n) {
    struct plan_op op = new_op(e, n, PLAN_OP_ATTENTION);
    const struct ir_dim *d = n->outputs[0]->type.dims;
    op.params.attention.scale = (float)ir_attr_float(n, IR_KEY_SCALE, 1);
    op.params.attention.query_block = (uint32_t)ir_attr_int(n, IR_KEY_QUERY_BLOCK, 1);
    for (int i = 0; i < 3; i++) op.in[i] = view(e, ir_in(n, i));
    op.out = view(e, n->outputs[0]);
    op.scratch = scratch_view(e, n, 1, 1, op.params.attention.query_block, d[1].first * d[2].first);
    return add(e, &op);
}

static bool emit_upsample(struct emitter *e, const struct ir_node *n) {
    struct plan_op op = new_op(e, n, PLAN_OP_UPSAMPLE);
    op.params.upsample.factor = (uint32_t)ir_attr_int(n, IR_KEY_FACTOR, 1);
    op.in[0] = view(e, ir_in(n, 0));
    op.out = view(e, n->outputs[0]);
    return add(e, &op);
}

// The cache's frames go to the front of the window; x behind them, unless its producer has written it there.
static bool emit_window(struct emitter *e, const struct ir_node *n) {
    const struct ir_value *x = ir_in(n, 0), *w = n->outputs[0];
    int64_t kept = ir_attr_cache(n)->type.dims[0].first;
    bool in_place = x->storage.place == IR_IN_BUFFER && x->storage.buffer == w->storage.buffer;
    uint32_t cache = plan_writer_view(e->w, cache_frames(e, ir_attr_cache(n), 0, kept));
    if (!copy(e, n, cache, part_view(e, w, 0, kept))) return false;
    return in_place || copy(e, n, view(e, x), part_view(e, w, kept, x->type.dims[0].first));
}

// Zeros are any frame of the right shape, times zero.
static bool emit_zeros(struct emitter *e, const struct ir_node *n, int64_t frame) {
    const struct ir_value *x = ir_in(n, 0);
    float zero = 0;
    struct ir_value *c = ir_constant_floats(e->m, "zero", 0, NULL, &zero);
    struct plan_op op = new_op(e, n, PLAN_OP_SCALE);
    op.in[0] = part_view(e, x, 0, 1);
    op.out = part_view(e, n->outputs[0], frame, 1);
    op.constant[0] = emit_vector(&e->constants, c, (uint64_t)x->type.dims[3].first);
    return add(e, &op);
}

static bool emit_frame_pad(struct emitter *e, const struct ir_node *n) {
    const struct ir_value *x = ir_in(n, 0), *y = n->outputs[0];
    int64_t start = ir_attr_int(n, IR_KEY_START, 0), frames = x->type.dims[0].first,
            all = y->type.dims[0].first;
    for (int64_t i = 0; i < all; i++) {
        bool zero = i < start || i >= start + frames;
        if (zero && !emit_zeros(e, n, i)) return false;
    }
    return copy(e, n, view(e, x), part_view(e, y, start, frames));
}

// Fewer frames than the cache holds come only in the first step, when the older ones are zero and stay so. A history
// moves in each step; pushes into one are in the first step only (fuse_conv).
static bool emit_push(struct emitter *e, const struct ir_node *n) {
    const struct ir_cache *c = ir_attr_cache(n);
    int64_t have = ir_in(n, 0)->type.dims[0].first, kept = c->type.dims[0].first,
            frames = have < kept ? have : kept;
    if (have < kept && e->variant != PLAN_FIRST)
        return emit_refuse(e, n, "a later step gives a cache fewer frames than it holds");
    struct plan_view to = cache_frames(e, c, kept - frames, frames);
    if (stream_keeps(e->m, c)) to.offset -= stream_history_move(c);
    return copy(e, n, part_view(e, ir_in(n, 0), have - frames, frames), plan_writer_view(e->w, to));
}

// One side of a movement: memory, and the strides of a value's axes there.
struct side {
    struct plan_view block;
    uint64_t stride[IR_MAX_RANK];
};

static struct side buffer_side(const struct ir_value *v) {
    const struct ir_storage *s = &v->storage;
    return (struct side){{.space = PLAN_ARENA, .index = s->buffer, .offset = s->offset},
                         {s->frame_stride, s->row_stride, s->pixel_stride, s->channel_stride}};
}

static bool move(struct emitter *e, const struct ir_node *n, const struct ir_rearrange *r,
                 const struct side *from, const struct side *to, const enum role *role) {
    struct emit_copies c;
    if (!emit_copies_make(r, from->stride, to->stride, role, &c))
        return emit_refuse(e, n, "it moves elements in a way that takes too many copies");
    struct plan_view x = emit_copies_view(&c, &from->block, true),
                     y = emit_copies_view(&c, &to->block, false);
    for (uint64_t i = 0; i < c.count; i++) {
        emit_copies_at(&c, i, &x.offset, &y.offset);
        x.offset += from->block.offset, y.offset += to->block.offset;
        copy(e, n, used_view(e, x), used_view(e, y));
    }
    return true;
}

// The latent frame: [channels][height][width], whatever axes the model gives it.
static bool emit_input(struct emitter *e, const struct ir_node *n, const struct side *to,
                       const enum role *role) {
    enum role in[IR_MAX_RANK];
    uint32_t extent[4];
    struct side from = {.block = {.space = PLAN_INPUT}};
    if (!roles_of_input(n, in))
        return emit_refuse(e, n, "nothing says which axes of the latents are channels, rows and columns");
    roles_extents(&ir_in(n, 0)->type, in, extent);
    const struct plan_program *info = plan_writer_program(e->w);
    if (extent[ROLE_CHANNELS] != info->latent_channels || extent[ROLE_ROWS] != info->latent_height ||
        extent[ROLE_COLUMNS] != info->latent_width)
        return emit_refuse(e, n, "the latents are read with their axes in two orders");
    roles_planar_strides(&ir_in(n, 0)->type, in, from.stride);
    return move(e, n, ir_attr_rearrange(n), &from, to, role);
}

// The video frames: [frames][channels][height][width], whatever axes the model gives them. `r` moves what is at
// `from` to the result `v`.
static bool emit_output(struct emitter *e, const struct ir_node *n, const struct ir_value *v,
                        const struct ir_rearrange *r, const struct side *from) {
    enum role role[IR_MAX_RANK];
    uint32_t extent[4];
    struct side to = {.block = {.space = PLAN_OUTPUT}};
    if (!roles_of_value(v, role)) return emit_refuse(e, n, "the result is not one list of video frames");
    roles_extents(&v->type, role, extent);
    roles_planar_strides(&v->type, role, to.stride);
    struct plan_program *info = plan_writer_program(e->w);
    bool same = info->frame_channels == extent[ROLE_CHANNELS] && info->frame_height == extent[ROLE_ROWS] &&
                info->frame_width == extent[ROLE_COLUMNS];
    if (info->frame_channels != 0 && !same)
        return emit_refuse(e, n, "later steps give frames of another size than the first");
    info->frame_channels = extent[ROLE_CHANNELS];
    info->frame_height = extent[ROLE_ROWS];
    info->frame_width = extent[ROLE_COLUMNS];
    info->variant[e->variant].frames = extent[ROLE_FRAMES];
    return move(e, n, r, from, &to, role);
}

static bool emit_rearrange(struct emitter *e, const struct ir_node *n) {
    const struct ir_value *x = ir_in(n, 0), *y = n->outputs[0];
    const struct ir_rearrange *r = ir_attr_rearrange(n);
    bool input = x->storage.place == IR_IN_INPUT, output = y->storage.place == IR_IN_OUTPUT;
    if (!input && (x->storage.place != IR_IN_BUFFER || x->type.rank != 4))
        return emit_refuse(e, n, "its operand is not in memory");
    if (input && output) return emit_refuse(e, n, "the result is the input");
    if (!input && !output && y->storage.buffer == x->storage.buffer) return true; // a view
    enum role frames[4];
    roles_of_frames(frames);
    struct side from = buffer_side(x), to = buffer_side(y);
    if (output) return emit_output(e, n, y, r, &from);
    return input ? emit_input(e, n, &to, frames) : move(e, n, r, &from, &to, frames);
}

static bool emit_slice(struct emitter *e, const struct ir_node *n) {
    const struct ir_value *x = ir_in(n, 0), *y = n->outputs[0];
    if (x->storage.place != IR_IN_BUFFER || x->type.rank != 4)
        return emit_refuse(e, n, "its operand is not in memory");
    if (y->storage.buffer == x->storage.buffer) return true; // a view
    struct ir_storage part = storage_slice(n);
    return copy(e, n, view_of(e, &y->type, &part), view(e, y));
}

static bool emit_concat(struct emitter *e, const struct ir_node *n) {
    const struct ir_value *y = n->outputs[0];
    int64_t axis = ir_attr_int(n, IR_KEY_AXIS, 0), at = 0;
    const uint64_t stride[4] = {y->storage.frame_stride, y->storage.row_stride, y->storage.pixel_stride,
                                y->storage.channel_stride};
    for (int i = 0; i < n->input_count; i++) {
        const struct ir_value *x = ir_in(n, i);
        struct ir_storage part = y->storage;
        part.offset += (uint64_t)at * stride[axis];
        if (x->storage.place != IR_IN_BUFFER) return emit_refuse(e, n, "an operand is not in memory");
        copy(e, n, view(e, x), view_of(e, &x->type, &part));
        at += x->type.dims[axis].first;
    }
    return true;
}

// A rearrangement in front of it has written the result already.
static bool emit_return(struct emitter *e, const struct ir_node *n) {
    const struct ir_value *v = n->input_count == 1 ? ir_in(n, 0) : NULL;
    if (v != NULL && v->storage.place == IR_IN_OUTPUT) return true;
    if (v == NULL || v->storage.place != IR_IN_BUFFER || v->type.rank != 4)
        return emit_refuse(e, n, "the result is not one list of video frames");
    struct ir_rearrange same;
    struct side from = buffer_side(v);
    rearrange_identity(&v->type, &same);
    return emit_output(e, v->def, v, &same, &from);
}

bool emit_node(struct emitter *e, const struct ir_node *n) {
    switch (n->op) {
    case IR_FRAME_CONV: return emit_conv(e, n);
    case IR_STREAM_CONV: return emit_stream_conv(e, n);
    case IR_FRAME_NORM: return emit_norm(e, n);
    case IR_FRAME_ATTENTION: return emit_attention(e, n);
    case IR_FRAME_UPSAMPLE: return emit_upsample(e, n);
    case IR_ADD:
    case IR_SUB:
    case IR_MUL:
    case IR_DIV: return emit_binary(e, n);
    case IR_SILU:
    case IR_SIGMOID:
    case IR_CLAMP: return emit_unary(e, n);
    case IR_FRAME_PAD: return emit_frame_pad(e, n);
    case IR_WINDOW: return emit_window(e, n);
    case IR_CACHE_PUSH: return emit_push(e, n);
    case IR_REARRANGE: return emit_rearrange(e, n);
    case IR_CONCAT: return emit_concat(e, n);
    case IR_SLICE: return emit_slice(e, n);
    case IR_RETURN: return emit_return(e, n);
    default: return emit_refuse(e, n, "the runtime has no kernel for it");
    }
}
