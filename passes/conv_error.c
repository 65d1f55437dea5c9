#include "passes/conv_error.h"

#include "passes/conv_node.h"

#include <math.h>

#define ROUNDING 0x1p-24 // of a float to the nearest, as a part of it

// Root mean square of the error over sqrt(depth) * 2^-24: the largest in any convolution of eight decoders, rounded up.
// Measured by bench/errors on the full-width decoder of Wan 2.1 (random weights of two seeds; latents of 2x3 to 30x52), five
// small random ones (those of tests/data) and the demo (trained); docs/choice.md has the table.
static const double factor[PLAN_CONV_ALGORITHMS] = {
    [PLAN_CONV_DIRECT] = 0.42,          [PLAN_CONV_WINOGRAD2] = 0.32,       [PLAN_CONV_WINOGRAD4] = 0.9,
    [PLAN_CONV_WINOGRAD2_TIME2] = 0.25, [PLAN_CONV_WINOGRAD4_TIME2] = 0.75, [PLAN_CONV_WINOGRAD4_TIME4] = 1.3,
    [PLAN_CONV_IM2COL] = 0.42,          [PLAN_CONV_PRODUCT] = 0.42,         [PLAN_CONV_PRODUCT_TIME2] = 0.35,
    [PLAN_CONV_PRODUCT_TIME4] = 0.85,
};

// The largest error of a decode over the root of the sum of squares: up to 3.8 in decodes by these decoders, by direct
// and both sizes of Winograd's tiles; rounded up.
static const double decode_factor = 5;

// Root mean square of the error of a number that is rounded to 11 or 8 bits, as a part of it: an ulp over sqrt(12), of
// numbers that are spread over an octave 0.72 times 2^-10 or 2^-7 in the root mean square.
static double narrowing(enum ir_dtype dtype) {
    double ulp = dtype == IR_F16 ? 0x1p-10 : dtype == IR_BF16 ? 0x1p-7 : 0;
    return 0.72 * ulp / sqrt(12);
}

double conv_error(const struct plan_conv_shape *s, uint32_t algorithm) {
    double depth = (double)s->kernel_h * s->kernel_w * s->taps * s->in;
    return factor[algorithm] * sqrt(depth) * ROUNDING;
}

double conv_error_of_decode(double squares) { return decode_factor * sqrt(squares); }

static double squares_of(const struct ir_graph *g) {
    double sum = 0;
    for (const struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        if (n->op != IR_FRAME_CONV && n->op != IR_STREAM_CONV) continue;
        struct plan_conv_shape shape = conv_node_shape(n);
        sum += pow(conv_error(&shape, conv_node_params(n).algorithm), 2);
    }
    return sum;
}

// Of what caches of 16 bits round. At most all taps but one of a convolution read old frames.
static double narrowing_of(const struct ir_module *m) {
    double sum = 0;
    for (const struct ir_cache *c = m->caches; c != NULL; c = c->next) {
        double frames = (double)c->type.dims[0].first;
        sum += pow(narrowing(c->type.dtype), 2) * frames / (frames + 1);
    }
    return sum;
}

double conv_error_of_module(const struct ir_module *m) {
    double largest = 0;
    for (const struct ir_graph *g = m->graphs; g != NULL; g = g->next) largest = fmax(largest, squares_of(g));
    return conv_error_of_decode(largest + narrowing_of(m));
}
