// Verification of one operator's parameters against the shapes of its views and the sizes of its constants.
#include "plan/check.h"

#include "base/size.h"
#include "plan/winograd.h"

#include <math.h>

typedef unsigned long long ull; // for printf

// An operator, its views and the verification's error.
struct context {
    const struct plan *plan;
    const struct plan_op *op;
    const struct plan_view *in[3], *out, *scratch; // NULL where there is none
    struct error *err;
};

static bool expect(const struct context *c, const char *what, uint64_t found, uint64_t expected) {
    if (found == expected) return true;
    return error_set(c->err, ERROR_INPUT, "%s: %llu, expected %llu", what, (ull)found, (ull)expected);
}

static bool expect_range(const struct context *c, const char *what, uint64_t found, uint64_t low,
                         uint64_t high) {
    if (low <= found && found <= high) return true;
    return error_set(c->err, ERROR_INPUT, "%s: %llu, expected %llu to %llu", what, (ull)found, (ull)low,
                     (ull)high);
}

static bool expect_shape(const struct context *c, const char *what, const struct plan_view *v,
                         uint64_t frames, uint64_t height, uint64_t width, uint64_t channels) {
    if (v->frames == frames && v->height == height && v->width == width && v->channels == channels)
        return true;
    return error_set(c->err, ERROR_INPUT, "%s: shape %u x %u x %u x %u, expected %llu x %llu x %llu x %llu",
                     what, v->frames, v->height, v->width, v->channels, (ull)frames, (ull)height, (ull)width,
                     (ull)channels);
}

static bool expect_same_shape(const struct context *c, const char *what, const struct plan_view *v) {
    return expect_shape(c, what, v, c->out->frames, c->out->height, c->out->width, c->out->channels);
}

// XNNPACK walks an image with one stride, from pixel to pixel, across the ends of rows too, and takes the
// channels of a pixel as adjacent.
static bool expect_image(const struct context *c, const char *what, const struct plan_view *v,
                         uint64_t group) {
    if (v->channels > 1 && v->channel_stride != 1) {
        return error_set(c->err, ERROR_INPUT, "%s: channel stride %llu, expected 1", what,
                         (ull)v->channel_stride);
    }
    if (v->pixel_stride < group) {
        return error_set(c->err, ERROR_INPUT, "%s: pixel stride %llu, expected at least %llu", what,
                         (ull)v->pixel_stride, (ull)group);
    }
    if (v->height == 1 || v->row_stride == v->width * v->pixel_stride) return true;
    return error_set(c->err, ERROR_INPUT, "%s: row stride %llu, expected width * pixel stride = %llu", what,
                     (ull)v->row_stride, (ull)(v->width * v->pixel_stride));
}

static bool expect_constant(const struct context *c, int which, const char *what, uint64_t count,
                            bool required) {
    uint32_t index = c->op->constant[which];
    if (index == PLAN_NONE) return !required || error_set(c->err, ERROR_INPUT, "%s: missing", what);
    return expect(c, what, c->plan->constants[index].count, count);
}

static bool expect_clamp(const struct context *c, float min, float max) {
    if (min < max) return true; // false for NaN
    return error_set(c->err, ERROR_INPUT, "clamp to [%g, %g] is empty", (double)min, (double)max);
}

static bool expect_finite(const struct context *c, const char *what, float f) {
    return isfinite(f) || error_set(c->err, ERROR_INPUT, "%s: %g, expected a finite number", what, (double)f);
}

static bool conv_ranges(const struct context *c, const struct plan_conv *p) {
    const struct {
        const char *what;
        uint32_t value, low;
    } rows[] = {
        {"kernel_t", p->kernel_t, 1},     {"kernel_h", p->kernel_h, 1},     {"kernel_w", p->kernel_w, 1},
        {"stride_h", p->stride_h, 1},     {"stride_w", p->stride_w, 1},     {"pad_top", p->pad_top, 0},
        {"pad_left", p->pad_left, 0},     {"pad_bottom", p->pad_bottom, 0}, {"pad_right", p->pad_right, 0},
        {"interleave", p->interleave, 1}, {"upsample", p->upsample, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!expect_range(c, rows[i].what, rows[i].value, rows[i].low, PLAN_MAX_KERNEL)) return false;
    }
    return expect_range(c, "taps", p->taps, 1, p->kernel_t) &&
           expect_range(c, "block_channels", p->block_channels, 1, PLAN_MAX_DIM) &&
           expect_clamp(c, p->min, p->max);
}

// The output extent of one spatial direction.
static bool conv_extent(const struct context *c, const char *what, uint64_t in, uint32_t kernel,
                        uint32_t stride, uint64_t pads, uint32_t out) {
    if (!expect_range(c, "kernel", kernel, 1, in + pads)) return false;
    return expect(c, what, out, (in + pads - kernel) / stride + 1);
}

// The direct algorithm reads the temporal taps of a pixel as one run of taps * channels floats.
static bool conv_window(const struct context *c, const char *what, const struct plan_view *v, uint32_t taps) {
    if (c->op->params.conv.algorithm != PLAN_CONV_DIRECT) taps = 1;
    if (taps > 1 && v->frame_stride != v->channels) {
        return error_set(c->err, ERROR_INPUT, "%s: frame stride %llu, expected %u: %u taps must be adjacent",
                         what, (ull)v->frame_stride, v->channels, taps);
    }
    return expect_image(c, what, v, (uint64_t)taps * v->channels);
}

static bool conv_scratch(const struct context *c, const struct plan_conv *p) {
    const struct plan_view *in = c->in[0];
    bool enlarged = p->upsample > 1 && p->algorithm == PLAN_CONV_DIRECT;
    if (!enlarged) return c->scratch == NULL || error_set(c->err, ERROR_INPUT, "scratch: takes none");
    if (c->scratch == NULL)
        return error_set(c->err, ERROR_INPUT, "scratch: missing, upsample is %u", p->upsample);
    return expect_shape(c, "scratch", c->scratch, p->taps, (uint64_t)in->height * p->upsample,
                        (uint64_t)in->width * p->upsample, in->channels) &&
           conv_window(c, "scratch", c->scratch, p->taps);
}

static bool conv_algorithm(const struct context *c, const struct plan_conv *p) {
    if (!expect_range(c, "algorithm", p->algorithm, 0, PLAN_CONV_ALGORITHMS - 1)) return false;
    if (p->algorithm == PLAN_CONV_DIRECT || plan_winograd_applies(p, p->algorithm)) return true;
    return error_set(c->err, ERROR_INPUT, "algorithm: %s does not compute this convolution",
                     plan_conv_algorithm_name(p->algorithm));
}

// What only the algorithms that work on blocks can do.
static bool conv_fused(const struct context *c, const struct plan_conv *p) {
    bool fused = c->in[PLAN_CONV_HISTORY] != NULL || c->in[PLAN_CONV_RESIDUAL] != NULL ||
                 p->prologue != PLAN_PROLOGUE_NONE;
    if (p->algorithm == PLAN_CONV_DIRECT && fused)
        return error_set(c->err, ERROR_INPUT, "direct: takes no history, residual or prologue");
    return expect_range(c, "prologue", p->prologue, 0, PLAN_PROLOGUES - 1) &&
           expect_finite(c, "norm_scale", p->norm_scale) &&
           expect_finite(c, "norm_epsilon", p->norm_epsilon) &&
           (p->norm_epsilon >= 0 ||
            error_set(c->err, ERROR_INPUT, "norm_epsilon: %g is negative", (double)p->norm_epsilon)) &&
           (c->in[PLAN_CONV_RESIDUAL] == NULL ||
            (expect_same_shape(c, "residual", c->in[PLAN_CONV_RESIDUAL]) &&
             expect_image(c, "residual", c->in[PLAN_CONV_RESIDUAL], c->out->channels)));
}

// Both places of a history lie in its block and keep rows and frames apart; see struct plan_conv.
static bool conv_history(const struct context *c, const struct plan_conv *p) {
    const struct plan_view *v = c->in[PLAN_CONV_HISTORY], *in = c->in[PLAN_CONV_IMAGE];
    if (v == NULL) return true;
    if (!expect_shape(c, "history", v, p->kernel_t - 1, in->height, in->width, in->channels) ||
        !expect_range(c, "history: kernel_h", p->kernel_h, 1, 3) ||
        !expect_range(c, "history: kernel_w", p->kernel_w, 1, 3) ||
        (v->channels > 1 && !expect(c, "history: channel stride", v->channel_stride, 1)))
        return false;
    uint64_t row = (v->width + 1) * v->pixel_stride;
    return expect_range(c, "history: pixel stride", v->pixel_stride, v->channels, PLAN_MAX_BYTES) &&
           expect_range(c, "history: row stride", v->row_stride, row, PLAN_MAX_BYTES) &&
           expect_range(c, "history: offset", v->offset, v->row_stride + v->pixel_stride, UINT64_MAX) &&
           (v->frames == 1 || expect_range(c, "history: frame stride", v->frame_stride,
                                           (v->height + 1) * v->row_stride, UINT64_MAX));
}

// The frames of the window that the taps meet.
static uint64_t conv_frames(const struct context *c, const struct plan_conv *p) {
    return (uint64_t)c->out->frames / p->interleave + (c->in[PLAN_CONV_HISTORY] == NULL ? p->taps - 1 : 0);
}

static bool check_conv(const struct context *c) {
    const struct plan_conv *p = &c->op->params.conv;
    const struct plan_view *in = c->in[0], *out = c->out;
    if (!conv_ranges(c, p) || !conv_algorithm(c, p)) return false;
    if (out->frames % p->interleave != 0)
        return expect(c, "frames % interleave", out->frames % p->interleave, 0);
    uint64_t rows = (uint64_t)out->channels * p->interleave, columns = (uint64_t)p->kernel_h * p->kernel_w,
             count;
    if (!size_mul(rows, columns * p->kernel_t * in->channels, &count)) {
        return error_set(c->err, ERROR_INPUT, "weight: the shape overflows");
    }
    return expect(c, "input frames", in->frames, conv_frames(c, p)) && conv_fused(c, p) &&
           conv_history(c, p) &&
           conv_extent(c, "output height", (uint64_t)in->height * p->upsample, p->kernel_h, p->stride_h,
                       (uint64_t)p->pad_top + p->pad_bottom, out->height) &&
           conv_extent(c, "output width", (uint64_t)in->width * p->upsample, p->kernel_w, p->stride_w,
                       (uint64_t)p->pad_left + p->pad_right, out->width) &&
           conv_window(c, "input", in, p->taps) && expect_image(c, "output", out, out->channels) &&
           conv_scratch(c, p) && expect_constant(c, 0, "weight", count, true) &&
           expect_constant(c, 1, "bias", rows, false) && expect_constant(c, 2, "gamma", in->channels, false);
}

static bool check_norm(const struct context *c) {
    const struct plan_norm *p = &c->op->params.norm;
    if (!expect_finite(c, "scale", p->scale) || !expect_finite(c, "epsilon", p->epsilon)) return false;
    if (p->epsilon < 0) return error_set(c->err, ERROR_INPUT, "epsilon: %g is negative", (double)p->epsilon);
    return expect_range(c, "silu", p->silu, 0, 1) && expect_same_shape(c, "input", c->in[0]) &&
           expect_constant(c, 0, "gamma", c->out->channels, false);
}

static bool check_binary(const struct context *c) {
    return expect_range(c, "operation", c->op->params.binary.op, 0, PLAN_BINARY_OPS - 1) &&
           expect_same_shape(c, "input 0", c->in[0]) && expect_same_shape(c, "input 1", c->in[1]);
}

static bool check_scale(const struct context *c) {
    return expect_same_shape(c, "input", c->in[0]) && expect_constant(c, 0, "a", c->out->channels, false) &&
           expect_constant(c, 1, "b", c->out->channels, false);
}

static bool check_unary(const struct context *c) {
    const struct plan_unary *p = &c->op->params.unary;
    return expect_range(c, "operation", p->op, 0, PLAN_UNARY_OPS - 1) &&
           (p->op != PLAN_CLAMP || expect_clamp(c, p->min, p->max)) &&
           expect_same_shape(c, "input", c->in[0]);
}

static bool is_dense(const struct plan_view *v) {
    uint64_t pixel = v->channels, row = pixel * v->width, frame = row * v->height;
    return (v->channels == 1 || v->channel_stride == 1) && (v->width == 1 || v->pixel_stride == pixel) &&
           (v->height == 1 || v->row_stride == row) && (v->frames == 1 || v->frame_stride == frame);
}

static bool check_attention(const struct context *c) {
    const struct plan_attention *p = &c->op->params.attention;
    static const char *const names[3] = {"q", "k", "v"};
    for (int i = 0; i < 3; i++) {
        if (!expect_same_shape(c, names[i], c->in[i]) ||
            !expect_image(c, names[i], c->in[i], c->out->channels)) {
            return false;
        }
    }
    uint64_t positions = (uint64_t)c->out->height * c->out->width;
    if (!expect_image(c, "output", c->out, c->out->channels) || !expect_finite(c, "scale", p->scale) ||
        !expect_range(c, "query_block", p->query_block, 1, positions)) {
        return false;
    }
    if (c->scratch == NULL) return error_set(c->err, ERROR_INPUT, "scratch: missing");
    if (!is_dense(c->scratch)) return error_set(c->err, ERROR_INPUT, "scratch: strides are not dense");
    return expect(c, "scratch floats", plan_view_extent(c->scratch), p->query_block * positions);
}

static bool check_upsample(const struct context *c) {
    uint64_t factor = c->op->params.upsample.factor;
    return expect_range(c, "factor", factor, 1, PLAN_MAX_KERNEL) &&
           expect_shape(c, "output", c->out, c->in[0]->frames, c->in[0]->height * factor,
                        c->in[0]->width * factor, c->in[0]->channels);
}

static bool check_copy(const struct context *c) { return expect_same_shape(c, "input", c->in[0]); }

static bool (*const checks[PLAN_OP_KINDS])(const struct context *) = {
    [PLAN_OP_CONV] = check_conv,         [PLAN_OP_NORM] = check_norm,   [PLAN_OP_BINARY] = check_binary,
    [PLAN_OP_SCALE] = check_scale,       [PLAN_OP_UNARY] = check_unary, [PLAN_OP_ATTENTION] = check_attention,
    [PLAN_OP_UPSAMPLE] = check_upsample, [PLAN_OP_COPY] = check_copy,
};

bool plan_check_params(const struct plan *plan, const struct plan_op *op, struct error *err) {
    struct context c = {.plan = plan, .op = op, .err = err};
    for (int i = 0; i < 3; i++) c.in[i] = plan_get_view(plan, op->in[i]);
    c.out = plan_get_view(plan, op->out);
    c.scratch = plan_get_view(plan, op->scratch);
    return checks[op->kind](&c);
}
