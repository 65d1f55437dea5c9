#include "passes/conv_error.h"

#include "passes/conv_node.h"

#include <math.h>
#include <string.h>

#define ROUNDING 0x1p-24 // of a float, as a part of it

// The largest errors found, in parts of the root mean square of the outputs, over sqrt(depth) * 2^-24; rounded up. By
// bench/errors, on the convolutions of the full-width decoder of Wan 2.1 (random weights) and of the demo (trained).
static const double factor[PLAN_CONV_ALGORITHMS] = {
    [PLAN_CONV_DIRECT] = 6,
    [PLAN_CONV_WINOGRAD2] = 2.2,
    [PLAN_CONV_WINOGRAD4] = 4.2,
    [PLAN_CONV_WINOGRAD2_TIME2] = 2.9,
    [PLAN_CONV_WINOGRAD4_TIME2] = 3.8,
    [PLAN_CONV_WINOGRAD4_TIME4] = 7,
};

double conv_error(const struct plan_conv_shape *s, uint32_t algorithm) {
    double depth = (double)s->kernel_h * s->kernel_w * s->taps * s->in;
    return factor[algorithm] * sqrt(depth) * ROUNDING;
}

double conv_error_of_decode(double squares) { return 2 * sqrt(squares); }

static double squares_of(const struct ir_graph *g) {
    double sum = 0;
    for (const struct ir_node *n = g->body.head; n != NULL; n = n->next) {
        if (n->op != IR_FRAME_CONV && n->op != IR_STREAM_CONV) continue;
        struct plan_conv_shape shape = conv_node_shape(n);
        sum += pow(conv_error(&shape, conv_node_params(n).algorithm), 2);
    }
    return sum;
}

double conv_error_of_module(const struct ir_module *m) {
    double largest = 0;
    for (const struct ir_graph *g = m->graphs; g != NULL; g = g->next) largest = fmax(largest, squares_of(g));
    return conv_error_of_decode(largest);
}
