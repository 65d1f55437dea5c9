// The temporal-window convolution, as 2D convolutions of XNNPACK.
//
// A pixel of the input holds its frames side by side, so that `taps` frames are one run of taps * channels
// floats: a 2D convolution with that many input channels, a larger pixel stride and a shifted pointer per
// frame computes one frame of the 3D convolution without a copy. Output channels are split into blocks,
// because XNNPACK streams all packed weights of an operator again for every few pixels, and a block's weights
// stay in L2.
#include "runtime/kernels/winograd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct conv {
    size_t block_count;      // per interleaved frame
    bool pointwise;          // 1x1: a matrix product, which needs no image
    xnn_operator_t blocks[]; // [interleave][block_count]
};

// Rows of the weight matrix that one operator takes.
struct rows {
    size_t first, count;
};

// What such an operator is created from.
struct source {
    struct rows rows;
    const float *weight, *bias;
};

static const struct plan_conv *params(const struct rt_op *op) { return &op->plan->params.conv; }

static bool is_pointwise(const struct plan_conv *p) {
    return p->kernel_h == 1 && p->kernel_w == 1 && p->stride_h == 1 && p->stride_w == 1 && p->pad_top == 0 &&
           p->pad_left == 0 && p->pad_bottom == 0 && p->pad_right == 0;
}

// What the 2D convolutions read: the input, or the enlarged image.
static const struct rt_tensor *image(const struct rt_op *op) {
    return op->scratch.data == NULL ? &op->in[0] : &op->scratch;
}

// The weights of the last `taps` taps of some rows, in `gathered` where they are not all taps.
static const float *gather_weights(const struct rt_op *op, struct rows rows, float *gathered) {
    const struct plan_conv *p = params(op);
    size_t channels = op->in[0].channels, columns = (size_t)p->kernel_h * p->kernel_w;
    size_t whole = p->kernel_t * channels, used = p->taps * channels;
    const float *w = op->constant[0].data + rows.first * columns * whole;
    if (gathered == NULL) return w;
    for (size_t i = 0; i < rows.count * columns; i++) {
        memcpy(gathered + i * used, w + i * whole + (whole - used), used * sizeof *w);
    }
    return gathered;
}

static enum xnn_status create_image_op(const struct rt_op *op, const struct source *from,
                                       xnn_weights_cache_t packed, xnn_operator_t *block) {
    const struct plan_conv *p = params(op);
    return xnn_create_convolution2d_nhwc_f32(
        p->pad_top, p->pad_right, p->pad_bottom, p->pad_left, p->kernel_h, p->kernel_w, p->stride_h,
        p->stride_w, 1, 1, 1, p->taps * op->in[0].channels, from->rows.count, image(op)->pixel_stride,
        op->out.pixel_stride, from->weight, from->bias, p->min, p->max, XNN_FLAG_TRANSIENT_INDIRECTION_BUFFER,
        NULL, packed, block);
}

static enum xnn_status create_pointwise_op(const struct rt_op *op, const struct source *from,
                                           xnn_weights_cache_t packed, xnn_operator_t *block) {
    const struct plan_conv *p = params(op);
    return xnn_create_fully_connected_nc_f32(p->taps * op->in[0].channels, from->rows.count,
                                             image(op)->pixel_stride, op->out.pixel_stride, from->weight,
                                             from->bias, p->min, p->max, 0, NULL, packed, block);
}

static enum xnn_status create(const struct rt_op *op, const struct source *from, xnn_weights_cache_t packed,
                              xnn_operator_t *block) {
    const struct conv *conv = op->state;
    return conv->pointwise ? create_pointwise_op(op, from, packed, block)
                           : create_image_op(op, from, packed, block);
}

static struct rt_packed_weights *packed_rows(struct rt_session *s, const struct rt_op *op, struct rows rows,
                                             struct error *err) {
    const struct conv *conv = op->state;
    struct plan_packed_key key = rt_conv_key(op);
    key.tile = conv->pointwise;
    key.first = (uint32_t)rows.first;
    key.count = (uint32_t)rows.count;
    return rt_packed_weights(s->packed, &key, err);
}

static bool create_block(struct rt_session *s, const struct rt_op *op, struct rows rows, float *gathered,
                         xnn_operator_t *block, struct error *err) {
    const struct conv *conv = op->state;
    struct source from = {rows, op->constant[0].data,
                          op->constant[1].data == NULL ? NULL : op->constant[1].data + rows.first};
    struct rt_packed_weights *packed = packed_rows(s, op, rows, err);
    struct rt_packed_probe probe;
    if (packed == NULL) return false;
    rt_packed_probe(&probe);
    create(op, &from, &probe.provider, block);
    if (!rt_packed_has(packed, &probe)) from.weight = gather_weights(op, rows, gathered);
    else if (!rt_packed_verify(packed)) return rt_packed_damaged(err);
    return rt_xnn(create(op, &from, &packed->provider, block),
                  conv->pointwise ? "create fully connected" : "create convolution", err);
}

// The rows are packed and not read again; without this, weights would be resident twice.
static void forget_weights(const struct rt_session *s, const struct rt_op *op, struct rows rows) {
    size_t row = op->constant[0].count / (params(op)->interleave * op->out.channels);
    rt_forget(s->plan, op->constant[0].data + rows.first * row, rows.count * row * sizeof(float));
}

// Fixes the shape; every run then only sets pointers.
static bool reshape_block(struct rt_session *s, const struct rt_op *op, xnn_operator_t block,
                          struct error *err) {
    const struct conv *conv = op->state;
    const struct rt_tensor *in = image(op);
    if (conv->pointwise) {
        return rt_xnn(xnn_reshape_fully_connected_nc_f32(block, in->height * in->width, s->pool),
                      "reshape fully connected", err);
    }
    size_t bytes = 0, alignment = 0, height = 0, width = 0;
    bool ok = rt_xnn(xnn_reshape_convolution2d_nhwc_f32(block, 1, in->height, in->width, &bytes, &alignment,
                                                        &height, &width, s->pool),
                     "reshape convolution", err);
    if (ok && (height != op->out.height || width != op->out.width)) {
        return error_set(err, ERROR_INTERNAL, "XNNPACK computes %zu x %zu, expected %zu x %zu", height, width,
                         op->out.height, op->out.width);
    }
    if (bytes > s->workspace_bytes) s->workspace_bytes = bytes;
    return ok;
}

static bool prepare_blocks(struct rt_session *s, const struct rt_op *op, float *gathered, struct error *err) {
    const struct plan_conv *p = params(op);
    struct conv *conv = op->state;
    size_t channels = op->out.channels;
    for (size_t i = 0; i < p->interleave * conv->block_count; i++) {
        size_t first = i % conv->block_count * p->block_channels, left = channels - first;
        struct rows rows = {i / conv->block_count * channels + first,
                            left < p->block_channels ? left : p->block_channels};
        if (!create_block(s, op, rows, gathered, &conv->blocks[i], err) ||
            !reshape_block(s, op, conv->blocks[i], err)) {
            return false;
        }
        forget_weights(s, op, rows);
    }
    return true;
}

static float *gather_buffer(const struct rt_op *op) {
    const struct plan_conv *p = params(op);
    size_t rows = p->block_channels < op->out.channels ? p->block_channels : op->out.channels;
    return malloc(rows * p->kernel_h * p->kernel_w * p->taps * op->in[0].channels * sizeof(float));
}

static bool direct_prepare(struct rt_session *s, struct rt_op *op, struct error *err) {
    const struct plan_conv *p = params(op);
    size_t block_count = (op->out.channels + p->block_channels - 1) / p->block_channels;
    struct conv *conv = op->state =
        calloc(1, sizeof *conv + p->interleave * block_count * sizeof *conv->blocks);
    if (conv == NULL) return error_set(err, ERROR_MEMORY, "out of memory");
    conv->block_count = block_count;
    conv->pointwise = is_pointwise(p);
    float *gathered = NULL; // only where the rows of the constant cannot be packed as they are
    if (p->taps < p->kernel_t && (gathered = gather_buffer(op)) == NULL) {
        return error_set(err, ERROR_MEMORY, "out of memory for a copy of the weights");
    }
    bool ok = prepare_blocks(s, op, gathered, err);
    free(gathered);
    return ok;
}

static bool run_block(struct rt_session *s, const struct conv *conv, xnn_operator_t block, const float *in,
                      float *out, struct error *err) {
    bool ok = conv->pointwise
                  ? rt_xnn(xnn_setup_fully_connected_nc_f32(block, in, out), "set up fully connected", err)
                  : rt_xnn(xnn_setup_convolution2d_nhwc_f32(block, s->workspace.data, in, out),
                           "set up convolution", err);
    return ok && rt_xnn(xnn_run_operator(block, s->pool), "run convolution", err);
}

// One frame of the input window gives `interleave` frames of the output.
static bool run_frame(struct rt_session *s, const struct rt_op *op, const float *in, size_t t,
                      struct error *err) {
    const struct plan_conv *p = params(op);
    const struct conv *conv = op->state;
    for (size_t j = 0; j < p->interleave; j++) {
        float *out = op->out.data + (t * p->interleave + j) * op->out.frame_stride;
        for (size_t b = 0; b < conv->block_count; b++) {
            xnn_operator_t block = conv->blocks[j * conv->block_count + b];
            if (!run_block(s, conv, block, in, out + b * p->block_channels, err)) return false;
        }
    }
    return true;
}

static bool direct_run(struct rt_session *s, struct rt_op *op, struct error *err) {
    const struct plan_conv *p = params(op);
    for (size_t t = 0; t < op->out.frames / p->interleave; t++) {
        const float *in = op->in[0].data + t * op->in[0].frame_stride;
        if (p->upsample > 1) {
            struct rt_tensor window = op->in[0];
            window.data += t * window.frame_stride;
            window.frames = p->taps;
            rt_enlarge(s->pool, &window, &op->scratch, p->upsample);
            in = op->scratch.data;
        }
        uint64_t begin = rt_products_begin(s);
        if (!run_frame(s, op, in, t, err)) return false;
        rt_products_end(s, begin, 1);
    }
    return true;
}

static void direct_destroy(struct rt_op *op) {
    struct conv *conv = op->state;
    if (conv == NULL) return;
    size_t count = conv->block_count * params(op)->interleave;
    for (size_t i = 0; i < count; i++) {
        if (conv->blocks[i] != NULL) xnn_delete_operator(conv->blocks[i]);
    }
    free(conv);
    op->state = NULL;
}

struct plan_packed_key rt_conv_key(const struct rt_op *op) {
    const struct plan_conv *p = params(op);
    return (struct plan_packed_key){.weight = op->plan->constant[0],
                                    .bias = op->plan->constant[1],
                                    .in = (uint32_t)op->in[0].channels,
                                    .out = (uint32_t)op->out.channels,
                                    .kernel_t = p->kernel_t,
                                    .kernel_h = p->kernel_h,
                                    .kernel_w = p->kernel_w,
                                    .taps = p->taps,
                                    .interleave = p->interleave};
}

// ---- the algorithm that the plan asks for

static bool is_direct(const struct rt_op *op) { return params(op)->algorithm == PLAN_CONV_DIRECT; }

bool rt_conv_prepare(struct rt_session *s, struct rt_op *op, struct error *err) {
    return is_direct(op) ? direct_prepare(s, op, err) : rt_winograd_prepare(s, op, err);
}

bool rt_conv_run(struct rt_session *s, struct rt_op *op, struct error *err) {
    return is_direct(op) ? direct_run(s, op, err) : rt_winograd_run(s, op, err);
}

void rt_conv_destroy(struct rt_op *op) {
    if (is_direct(op)) direct_destroy(op);
    else rt_winograd_destroy(op);
}
