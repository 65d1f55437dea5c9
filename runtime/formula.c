#include "runtime/formula.h"

#include "base/half.h"

#include <math.h>
#include <string.h>

static size_t offset(const struct rt_tensor *t, size_t frame, size_t y, size_t x, size_t c) {
    return frame * t->frame_stride + y * t->row_stride + x * t->pixel_stride + c * t->channel_stride;
}

double rt_number(const struct rt_tensor *t, size_t frame, size_t y, size_t x, size_t c) {
    size_t at = offset(t, frame, y, x, c);
    if (t->type == PLAN_F16) return (double)half_to_float(t->narrow[at]);
    if (t->type == PLAN_BF16) return (double)bfloat_to_float(t->narrow[at]);
    return (double)t->data[at];
}

static void read_pixel(const struct rt_tensor *t, size_t frame, size_t y, size_t x, double *out) {
    for (size_t c = 0; c < t->channels; c++) out[c] = rt_number(t, frame, y, x, c);
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void normalise(double *x, size_t channels, double scale, double epsilon, const float *gamma,
                      bool silu) {
    double squares = 0;
    for (size_t c = 0; c < channels; c++) squares += x[c] * x[c];
    double factor = scale / fmax(sqrt(squares), epsilon);
    for (size_t c = 0; c < channels; c++) {
        x[c] *= factor * (gamma != NULL ? (double)gamma[c] : 1);
        if (silu) x[c] *= sigmoid(x[c]);
    }
}

// ---- the convolution

// What a convolution reads at (y, x) of frame `w` of its window; false: a zero outside of the image.
static bool window_pixel(const struct rt_op *op, uint64_t steps, size_t w, long y, long x, double *out) {
    const struct plan_conv *p = &op->plan->params.conv;
    const struct rt_tensor *image = &op->in[PLAN_CONV_IMAGE];
    struct rt_tensor history = op->in[PLAN_CONV_HISTORY];
    long height = (long)(image->height * p->upsample), width = (long)(image->width * p->upsample);
    if (y < 0 || x < 0 || y >= height || x >= width) return false;
    size_t row = (size_t)y / p->upsample, column = (size_t)x / p->upsample;
    size_t old = history.frames > 0 ? p->taps - 1 : 0; // frames of the window that the history has
    if (w < old) {
        // At odd steps it lies one row and one pixel in front of its view.
        size_t before = steps % 2 == 1 ? history.row_stride + history.pixel_stride : 0;
        if (history.data != NULL) history.data -= before;
        else history.narrow -= before;
        read_pixel(&history, history.frames - old + w, row, column, out);
        return true;
    }
    read_pixel(image, w - old, row, column, out);
    if (p->prologue != PLAN_PROLOGUE_NONE)
        normalise(out, image->channels, (double)p->norm_scale, (double)p->norm_epsilon, op->constant[2].data,
                  p->prologue == PLAN_PROLOGUE_NORM_SILU);
    return true;
}

// One pixel of the window, times what every output has for it.
static void add_products(const struct rt_op *op, const float *weight, const struct rt_formula_result *r) {
    const struct plan_conv *p = &op->plan->params.conv;
    size_t in = op->in[PLAN_CONV_IMAGE].channels,
           stride = (size_t)p->kernel_h * p->kernel_w * p->kernel_t * in;
    for (size_t o = 0; o < op->out.channels; o++, weight += stride) {
        double sum = 0, magnitude = 0;
        for (size_t i = 0; i < in; i++) {
            double product = (double)weight[i] * r->pixel[i];
            sum += product;
            magnitude += fabs(product);
        }
        r->value[o] += sum;
        r->magnitude[o] += magnitude;
    }
}

static void add_taps(const struct rt_op *op, uint64_t steps, const struct rt_place *at,
                     const struct rt_formula_result *r) {
    const struct plan_conv *p = &op->plan->params.conv;
    size_t in = op->in[PLAN_CONV_IMAGE].channels, whole = (size_t)p->kernel_t * in;
    size_t columns = (size_t)p->kernel_h * p->kernel_w, t = at->t / p->interleave, j = at->t % p->interleave;
    const float *rows = op->constant[0].data + j * op->out.channels * columns * whole;
    for (size_t dt = 0; dt < p->taps; dt++) {
        for (size_t k = 0; k < columns; k++) {
            long y = (long)(at->y * p->stride_h + k / p->kernel_w) - (long)p->pad_top;
            long x = (long)(at->x * p->stride_w + k % p->kernel_w) - (long)p->pad_left;
            if (window_pixel(op, steps, t + dt, y, x, r->pixel))
                add_products(op, rows + k * whole + (p->kernel_t - p->taps + dt) * in, r);
        }
    }
}

static void conv(const struct rt_op *op, uint64_t steps, const struct rt_place *at,
                 struct rt_formula_result *r) {
    const struct plan_conv *p = &op->plan->params.conv;
    const struct rt_tensor *residual = &op->in[PLAN_CONV_RESIDUAL];
    size_t channels = op->out.channels, row = at->t % p->interleave * channels;
    const float *bias = op->constant[1].data;
    for (size_t c = 0; c < channels; c++) {
        r->value[c] = bias != NULL ? (double)bias[row + c] : 0;
        if (residual->frames > 0) r->value[c] += rt_number(residual, at->t, at->y, at->x, c);
        r->magnitude[c] = fabs(r->value[c]);
    }
    add_taps(op, steps, at, r);
    for (size_t c = 0; c < channels; c++)
        r->value[c] = fmin(fmax(r->value[c], (double)p->min), (double)p->max);
}

// ---- attention: a softmax over all positions of a frame

static double dot(const struct rt_op *op, const struct rt_place *at, const double *query, size_t position) {
    const struct rt_tensor *k = &op->in[1];
    double sum = 0;
    for (size_t c = 0; c < k->channels; c++)
        sum += query[c] * rt_number(k, at->t, position / k->width, position % k->width, c);
    return sum * (double)op->plan->params.attention.scale;
}

static void attention(const struct rt_op *op, const struct rt_place *at, struct rt_formula_result *r) {
    const struct rt_tensor *v = &op->in[2];
    size_t positions = v->height * v->width;
    double most = -INFINITY, total = 0;
    read_pixel(&op->in[0], at->t, at->y, at->x, r->pixel);
    for (size_t i = 0; i < positions; i++) most = fmax(most, dot(op, at, r->pixel, i));
    for (size_t i = 0; i < positions; i++) {
        double part = exp(dot(op, at, r->pixel, i) - most);
        total += part;
        for (size_t c = 0; c < v->channels; c++) {
            double product = part * rt_number(v, at->t, i / v->width, i % v->width, c);
            r->value[c] += product;
            r->magnitude[c] += fabs(product);
        }
    }
    for (size_t c = 0; c < v->channels; c++) r->value[c] /= total, r->magnitude[c] /= total;
}

// ---- the others: a pixel of theirs depends on one pixel

static void binary(const struct rt_op *op, const struct rt_place *at, struct rt_formula_result *r) {
    for (size_t c = 0; c < op->out.channels; c++) {
        double a = rt_number(&op->in[0], at->t, at->y, at->x, c),
               b = rt_number(&op->in[1], at->t, at->y, at->x, c);
        switch (op->plan->params.binary.op) {
        case PLAN_ADD: r->value[c] = a + b, r->magnitude[c] = fabs(a) + fabs(b); break;
        case PLAN_SUB: r->value[c] = a - b, r->magnitude[c] = fabs(a) + fabs(b); break;
        case PLAN_MUL: r->value[c] = a * b, r->magnitude[c] = fabs(a * b); break;
        default: r->value[c] = a / b, r->magnitude[c] = fabs(a / b); break;
        }
    }
}

static void unary(const struct rt_op *op, struct rt_formula_result *r) {
    const struct plan_unary *p = &op->plan->params.unary;
    for (size_t c = 0; c < op->out.channels; c++) {
        double x = r->pixel[c];
        r->magnitude[c] = fabs(x);
        switch (p->op) {
        case PLAN_SILU: r->value[c] = x * sigmoid(x); break;
        case PLAN_SIGMOID: r->value[c] = sigmoid(x), r->magnitude[c] = 1; break;
        default: r->value[c] = fmin(fmax(x, (double)p->min), (double)p->max); break;
        }
    }
}

static void scale(const struct rt_op *op, struct rt_formula_result *r) {
    const float *a = op->constant[0].data, *b = op->constant[1].data;
    for (size_t c = 0; c < op->out.channels; c++) {
        double product = r->pixel[c] * (a != NULL ? (double)a[c] : 1), added = b != NULL ? (double)b[c] : 0;
        r->value[c] = product + added;
        r->magnitude[c] = fabs(product) + fabs(added);
    }
}

static void same(const struct rt_op *op, struct rt_formula_result *r) {
    for (size_t c = 0; c < op->out.channels; c++)
        r->value[c] = r->pixel[c], r->magnitude[c] = fabs(r->pixel[c]);
}

static void norm(const struct rt_op *op, struct rt_formula_result *r) {
    const struct plan_norm *p = &op->plan->params.norm;
    normalise(r->pixel, op->out.channels, (double)p->scale, (double)p->epsilon, op->constant[0].data,
              p->silu);
    same(op, r);
}

void rt_formula(const struct rt_op *op, uint64_t steps, const struct rt_place *at,
                struct rt_formula_result *r) {
    uint32_t kind = op->plan->kind;
    size_t factor = kind == PLAN_OP_UPSAMPLE ? op->plan->params.upsample.factor : 1;
    memset(r->value, 0, op->out.channels * sizeof *r->value);
    memset(r->magnitude, 0, op->out.channels * sizeof *r->magnitude);
    if (kind != PLAN_OP_CONV && kind != PLAN_OP_ATTENTION)
        read_pixel(&op->in[0], at->t, at->y / factor, at->x / factor, r->pixel);
    switch (kind) {
    case PLAN_OP_CONV: conv(op, steps, at, r); break;
    case PLAN_OP_ATTENTION: attention(op, at, r); break;
    case PLAN_OP_NORM: norm(op, r); break;
    case PLAN_OP_BINARY: binary(op, at, r); break;
    case PLAN_OP_SCALE: scale(op, r); break;
    case PLAN_OP_UNARY: unary(op, r); break;
    default: same(op, r); break; // copies and enlargements
    }
}
