// choose_convs: by which algorithm, how many output channels one convolution operator computes at a time, and how
// many queries attention takes.
//
// XNNPACK's kernel streams all packed weights of an operator past each few pixels. When they do not fit the
// L2 cache it may wait for memory: on one machine 384 -> 384 channels ran at 69 GFLOP/s a core whole and at
// 126 in blocks of 32 output channels; on another, with faster caches, at 238 and 245. Too small a block
// costs up to 13 % (96 -> 96 channels: 419 GFLOP/s in blocks of 32, 453 whole). So a block is as large as its
// packed weights allow, in multiples of 32 channels.
//
// How a convolution is computed is chosen by what it is expected to cost (conv_cost.h), among the algorithms that
// compute it: all, or those that the user allows (`wanc compile --conv`): direct alone, F(2x2,3x3) or F(4x4,3x3). The fewer multiplications
// of Winograd's algorithms cost rounding: 3 to 5 times less of it than direct for F(2x2), up to 2 times more for F(4x4).
//
//     %y = frame_conv %w, @w {taps=3, ..}    ->  %y = frame_conv %w, @w {block=32, taps=3, ..}
//                                            or  %y = frame_conv %w, @w {algorithm="winograd4", block=96, taps=3, ..}
#include "passes/conv_cost.h"
#include "passes/pass.h"
#include "plan/winograd.h"

#include <math.h>
#include <string.h>

enum {
    SCORE_BYTES = 4 << 20, // of attention scores held at a time
    QUERY_ROWS = 16,       // query blocks are multiples of this
};

// The algorithms that `--conv` allows; where none of a list applies, a convolution is direct.
static const struct {
    const char *name;
    uint32_t algorithms[PLAN_CONV_ALGORITHMS];
    int count;
} allowed[] = {
    {"auto",
     {PLAN_CONV_DIRECT, PLAN_CONV_WINOGRAD2, PLAN_CONV_WINOGRAD4, PLAN_CONV_WINOGRAD2_TIME2,
      PLAN_CONV_WINOGRAD4_TIME2, PLAN_CONV_WINOGRAD4_TIME4},
     6},
    {"direct", {PLAN_CONV_DIRECT}, 1},
    {"winograd2", {PLAN_CONV_WINOGRAD2, PLAN_CONV_WINOGRAD2_TIME2}, 2},
    {"winograd4", {PLAN_CONV_WINOGRAD4, PLAN_CONV_WINOGRAD4_TIME2, PLAN_CONV_WINOGRAD4_TIME4}, 3},
};

static struct plan_view frames_view(const struct ir_type *t) {
    return (struct plan_view){.frames = (uint32_t)t->dims[0].first,
                              .height = (uint32_t)t->dims[1].first,
                              .width = (uint32_t)t->dims[2].first,
                              .channels = (uint32_t)t->dims[3].first};
}

// What decides about the algorithm, as the plan will say it.
static struct plan_conv_shape conv_shape(const struct ir_node *n) {
    const struct ir_type *w = &ir_in(n, 1)->type;
    int count;
    const int64_t *pads = ir_attr_ints(n, IR_KEY_PADS, &count),
                  *strides = ir_attr_ints(n, IR_KEY_STRIDES, &count);
    struct plan_conv p = {.kernel_t = (uint32_t)w->dims[2].first,
                          .kernel_h = (uint32_t)w->dims[3].first,
                          .kernel_w = (uint32_t)w->dims[4].first,
                          .taps = (uint32_t)ir_attr_int(n, IR_KEY_TAPS, 1),
                          .stride_h = (uint32_t)strides[0],
                          .stride_w = (uint32_t)strides[1],
                          .pad_top = (uint32_t)pads[0],
                          .pad_left = (uint32_t)pads[1],
                          .pad_bottom = (uint32_t)pads[2],
                          .pad_right = (uint32_t)pads[3],
                          .interleave = (uint32_t)ir_attr_int(n, IR_KEY_INTERLEAVE, 1),
                          .upsample = (uint32_t)ir_attr_int(n, IR_KEY_UPSAMPLE, 1)};
    struct plan_view in = frames_view(&ir_in(n, 0)->type), out = frames_view(&ir_out(n)->type);
    return plan_conv_shape(&p, &in, &out);
}

static uint32_t cheapest(const struct plan_conv_shape *s, const uint32_t *algorithms, int count) {
    uint32_t best = PLAN_CONV_DIRECT;
    double least = INFINITY;
    for (int i = 0; i < count; i++) {
        if (!plan_conv_shape_allows(s, algorithms[i])) continue;
        double cost = conv_cost(s, algorithms[i]);
        if (cost >= least) continue;
        least = cost;
        best = algorithms[i];
    }
    return best;
}

static uint32_t choose_algorithm(const struct plan_conv_shape *s, const char *conv) {
    size_t row = 0;
    for (size_t i = 0; conv != NULL && i < sizeof allowed / sizeof *allowed; i++) {
        if (strcmp(allowed[i].name, conv) == 0) row = i;
    }
    return cheapest(s, allowed[row].algorithms, allowed[row].count);
}

static bool choose_conv(struct ir_node *n, const char *conv) {
    int64_t channels = ir_out(n)->type.dims[3].first;
    if (ir_attr_find(n, IR_KEY_BLOCK) != NULL) return false;
    struct plan_conv_shape shape = conv_shape(n);
    uint32_t algorithm = choose_algorithm(&shape, conv);
    if (algorithm != PLAN_CONV_DIRECT)
        ir_attr_set_string(n, IR_KEY_ALGORITHM, plan_conv_algorithm_name(algorithm));
    struct plan_conv p = plan_conv_case(&shape, algorithm).params;
    int64_t block = plan_block_channels(&p, shape.in);
    ir_attr_set_int(n, IR_KEY_BLOCK, block < channels ? block : channels);
    return true;
}

static bool choose_attention(struct ir_node *n) {
    int64_t positions = ir_out(n)->type.dims[1].first * ir_out(n)->type.dims[2].first;
    if (ir_attr_find(n, IR_KEY_QUERY_BLOCK) != NULL) return false;
    int64_t block = SCORE_BYTES / (4 * (positions ? positions : 1)) / QUERY_ROWS * QUERY_ROWS;
    if (block < QUERY_ROWS) block = QUERY_ROWS;
    ir_attr_set_int(n, IR_KEY_QUERY_BLOCK, block < positions ? block : positions);
    return true;
}

bool pass_choose_convs(struct ir_module *m, bool *progress, struct error *err) {
    (void)err;
    for (struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        for (struct ir_node *n = g->body.head; n != NULL; n = n->next) {
            if (n->op == IR_FRAME_CONV && choose_conv(n, m->conv)) *progress = true;
            if (n->op == IR_FRAME_ATTENTION && choose_attention(n)) *progress = true;
        }
    }
    return true;
}
