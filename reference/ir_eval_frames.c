// Channels last: each function is the definition of its operator in docs/ir.md, section 5.3.
#include "reference/ir_eval_ops.h"

#include <math.h>
#include <string.h>

enum { STREAM_GAMMA = 3, STREAM_RESIDUAL = 4 };

static const struct ir_tensor *operand(const struct ir_eval_call *c, int i) {
    return i < c->node->input_count ? c->in[i] : NULL;
}

static size_t frame_size(const struct ir_tensor *t) { return (size_t)(t->dims[1] * t->dims[2] * t->dims[3]); }

// Zeros for the pixels outside of the image.
static double pixel(const struct ir_tensor *t, int64_t frame, int64_t y, int64_t x, int64_t channel) {
    if (y < 0 || y >= t->dims[1] || x < 0 || x >= t->dims[2]) return 0;
    return t->data[((frame * t->dims[1] + y) * t->dims[2] + x) * t->dims[3] + channel];
}

// ---- movements of frames

static struct ir_tensor join(struct arena *a, const struct ir_tensor *front, int64_t count,
                             const struct ir_tensor *behind) {
    int64_t dims[4] = {count + behind->dims[0], behind->dims[1], behind->dims[2], behind->dims[3]};
    struct ir_tensor t = ir_tensor_new(a, 4, dims);
    size_t n = (size_t)count * frame_size(behind);
    if (n > 0) memcpy(t.data, front->data + front->count - n, n * sizeof *t.data);
    if (behind->count > 0) memcpy(t.data + n, behind->data, behind->count * sizeof *t.data);
    return t;
}

// The last frames of x; where x has fewer, the older ones stay.
static void push(struct ir_tensor *cache, const struct ir_tensor *x) {
    size_t n = cache->count < x->count ? cache->count : x->count;
    if (n > 0) memcpy(cache->data + cache->count - n, x->data + x->count - n, n * sizeof *cache->data);
}

static struct ir_tensor *cache_of(const struct ir_eval_call *c, const struct ir_tensor *x) {
    struct ir_tensor *cache = &c->eval->caches[ir_attr_cache(c->node)->index];
    bool fits =
        x->rank == 4 && cache->rank == 4 && memcmp(x->dims + 1, cache->dims + 1, 3 * sizeof *x->dims) == 0;
    return fits ? cache : NULL;
}

struct ir_tensor ir_eval_window(const struct ir_eval_call *c) {
    const struct ir_tensor *cache = cache_of(c, c->in[0]);
    return cache ? join(c->arena, cache, cache->dims[0], c->in[0]) : ir_eval_unfit();
}

struct ir_tensor ir_eval_cache_push(const struct ir_eval_call *c) {
    struct ir_tensor *cache = cache_of(c, c->in[0]);
    if (cache == NULL) return ir_eval_unfit();
    push(cache, c->in[0]);
    return *cache;
}

struct ir_tensor ir_eval_frame_pad(const struct ir_eval_call *c) {
    const struct ir_tensor *x = c->in[0];
    int64_t start = ir_attr_int(c->node, IR_KEY_START, 0), end = ir_attr_int(c->node, IR_KEY_END, 0);
    int64_t dims[4] = {start + x->dims[0] + end, x->dims[1], x->dims[2], x->dims[3]};
    struct ir_tensor t = ir_tensor_new(c->arena, 4, dims);
    memcpy(t.data + (size_t)start * frame_size(x), x->data, x->count * sizeof *x->data);
    return t;
}

static struct ir_tensor enlarge(struct arena *a, const struct ir_tensor *x, int64_t factor) {
    int64_t dims[4] = {x->dims[0], x->dims[1] * factor, x->dims[2] * factor, x->dims[3]}, at[4] = {0};
    struct ir_tensor t = ir_tensor_new(a, 4, dims);
    for (size_t i = 0; i < t.count; i++) {
        t.data[i] = pixel(x, at[0], at[1] / factor, at[2] / factor, at[3]);
        for (int d = 3; d >= 0 && ++at[d] == dims[d]; d--) at[d] = 0;
    }
    return t;
}

struct ir_tensor ir_eval_frame_upsample(const struct ir_eval_call *c) {
    return enlarge(c->arena, c->in[0], ir_attr_int(c->node, IR_KEY_FACTOR, 1));
}

// ---- norm and convolution

static void silu(struct ir_tensor *t) {
    for (size_t i = 0; i < t->count; i++) t->data[i] /= 1 + exp(-t->data[i]);
}

struct ir_tensor ir_eval_frame_norm(const struct ir_eval_call *c) {
    struct ir_tensor t = ir_eval_norm(c, c->in[0], operand(c, 1), 3);
    if (t.rank >= 0 && ir_attr_int(c->node, IR_KEY_SILU, 0)) silu(&t);
    return t;
}

struct conv {
    const struct ir_tensor *x, *w, *bias,
        *residual; // x: with all that is in front of the new frames, enlarged
    int64_t taps, interleave, top, left, stride_h, stride_w;
};

static double sum_taps(const struct conv *c, int64_t frame, int64_t y, int64_t x, int64_t output) {
    const int64_t *k = c->w->dims;
    double sum = 0;
    for (int64_t dt = 0; dt < c->taps; dt++) {
        for (int64_t i = 0; i < k[3] * k[4] * k[1]; i++) {
            int64_t ky = i / k[4] % k[3], kx = i % k[4], channel = i / (k[3] * k[4]);
            double w =
                c->w->data[(((output * k[1] + channel) * k[2] + k[2] - c->taps + dt) * k[3] + ky) * k[4] +
                           kx];
            sum += w * pixel(c->x, frame + dt, y * c->stride_h + ky - c->top, x * c->stride_w + kx - c->left,
                             channel);
        }
    }
    return sum;
}

static struct ir_tensor convolve(const struct ir_eval_call *call, const struct conv *c) {
    const struct ir_node *n = call->node;
    const struct ir_dim *d = ir_out(n)->type.dims;
    int64_t dims[4] = {(c->x->dims[0] - c->taps + 1) * c->interleave, d[1].first, d[2].first,
                       c->w->dims[0] / c->interleave},
            at[4] = {0};
    double low = ir_attr_float(n, IR_KEY_MIN, -INFINITY), high = ir_attr_float(n, IR_KEY_MAX, INFINITY);
    struct ir_tensor t = ir_tensor_new(call->arena, 4, dims);
    if (c->residual != NULL && c->residual->count != t.count) return ir_eval_unfit();
    for (size_t i = 0; i < t.count; i++) {
        int64_t output = at[0] % c->interleave * dims[3] + at[3];
        double sum = sum_taps(c, at[0] / c->interleave, at[1], at[2], output);
        if (c->bias != NULL) sum += c->bias->data[output];
        if (c->residual != NULL) sum += c->residual->data[i];
        t.data[i] = fmin(fmax(sum, low), high);
        for (int k = 3; k >= 0 && ++at[k] == dims[k]; k--) at[k] = 0;
    }
    return t;
}

static struct conv conv_of(const struct ir_eval_call *c) {
    int count;
    const int64_t *pads = ir_attr_ints(c->node, IR_KEY_PADS, &count),
                  *strides = ir_attr_ints(c->node, IR_KEY_STRIDES, &count);
    return (struct conv){.x = c->in[0],
                         .w = c->in[1],
                         .bias = operand(c, 2),
                         .taps = ir_attr_int(c->node, IR_KEY_TAPS, 1),
                         .interleave = ir_attr_int(c->node, IR_KEY_INTERLEAVE, 1),
                         .top = pads[0],
                         .left = pads[1],
                         .stride_h = strides[0],
                         .stride_w = strides[1]};
}

struct ir_tensor ir_eval_frame_conv(const struct ir_eval_call *c) {
    struct conv conv = conv_of(c);
    struct ir_tensor large = enlarge(c->arena, conv.x, ir_attr_int(c->node, IR_KEY_UPSAMPLE, 1));
    conv.x = &large;
    return convolve(c, &conv);
}

struct ir_tensor ir_eval_stream_conv(const struct ir_eval_call *c) {
    const char *prologue = ir_attr_string(c->node, IR_KEY_PROLOGUE, "");
    bool has_cache = ir_attr_find(c->node, IR_KEY_CACHE) != NULL;
    struct conv conv = conv_of(c);
    struct ir_tensor x = *c->in[0], *cache = has_cache ? cache_of(c, &x) : NULL;
    if (has_cache && cache == NULL) return ir_eval_unfit();
    if (prologue[0] != 0) x = ir_eval_norm(c, &x, operand(c, STREAM_GAMMA), 3);
    if (strcmp(prologue, "norm_silu") == 0) silu(&x);
    if (has_cache) {
        x = join(c->arena, cache, conv.taps - 1, &x);
        push(cache, &x);
    }
    x = enlarge(c->arena, &x, ir_attr_int(c->node, IR_KEY_UPSAMPLE, 1));
    conv.x = &x;
    conv.residual = operand(c, STREAM_RESIDUAL);
    return convolve(c, &conv);
}
