// choose_convs: by which algorithm, how many output channels one convolution operator computes at a time, and how
// many queries attention takes.
//
// XNNPACK's kernel streams all packed weights of an operator past each few pixels. When they do not fit the
// L2 cache it may wait for memory: on one machine 384 -> 384 channels ran at 69 GFLOP/s a core whole and at
// 126 in blocks of 32 output channels; on another, with faster caches, at 238 and 245. Too small a block
// costs up to 13 % (96 -> 96 channels: 419 GFLOP/s in blocks of 32, 453 whole). So a block is as large as its
// packed weights allow, in multiples of 32 channels.
//
// How a convolution is computed is the user's choice (`wanc compile --conv`): direct, by Winograd's F(2x2,3x3) or F(4x4,3x3)
// where these apply, or `auto`: F(4x4,3x3) where it is faster. The fewer multiplications of Winograd's algorithms cost
// rounding: 3 to 5 times less of it than direct for F(2x2), up to 2 times more for F(4x4).
//
//     %y = frame_conv %w, @w {taps=3, ..}    ->  %y = frame_conv %w, @w {block=32, taps=3, ..}
//                                            or  %y = frame_conv %w, @w {algorithm="winograd4", block=96, taps=3, ..}
#include "passes/pass.h"
#include "plan/winograd.h"

#include <string.h>

enum {
    FEWEST_CHANNELS = 16,  // of the input, for Winograd: its transforms cost as much for one as for these
    FEWEST_PIXELS = 256,   // and its weights are larger, which few pixels do not pay
    SCORE_BYTES = 4 << 20, // of attention scores held at a time
    QUERY_ROWS = 16,       // query blocks are multiples of this
};

// What decides about the algorithm, as the plan will say it.
static struct plan_conv conv_params(const struct ir_node *n) {
    const struct ir_type *w = &ir_in(n, 1)->type;
    int count;
    const int64_t *pads = ir_attr_ints(n, IR_KEY_PADS, &count),
                  *strides = ir_attr_ints(n, IR_KEY_STRIDES, &count);
    return (struct plan_conv){.kernel_h = (uint32_t)w->dims[3].first,
                              .kernel_w = (uint32_t)w->dims[4].first,
                              .taps = (uint32_t)ir_attr_int(n, IR_KEY_TAPS, 1),
                              .stride_h = (uint32_t)strides[0],
                              .stride_w = (uint32_t)strides[1],
                              .pad_top = (uint32_t)pads[0],
                              .pad_left = (uint32_t)pads[1],
                              .upsample = (uint32_t)ir_attr_int(n, IR_KEY_UPSAMPLE, 1)};
}

// The first of these that computes the convolution.
static uint32_t first_that_applies(const struct plan_conv *p, const uint32_t *preferred, int count) {
    for (int i = 0; i < count; i++) {
        if (plan_winograd_applies(p, preferred[i])) return preferred[i];
    }
    return PLAN_CONV_DIRECT;
}

// Time as an axis pays where its groups are full and the products deep enough; bench/kernels has the measures.
static uint32_t choose_winograd2(const struct plan_conv *p, int64_t frames, int64_t inputs) {
    bool time2 = frames % 2 == 0 && inputs >= 384;
    const uint32_t preferred[] = {time2 ? PLAN_CONV_WINOGRAD2_TIME2 : PLAN_CONV_WINOGRAD2,
                                  PLAN_CONV_WINOGRAD2};
    return first_that_applies(p, preferred, 2);
}

static uint32_t choose_winograd4(const struct plan_conv *p, int64_t frames, int64_t inputs) {
    bool time4 = frames % 4 == 0 && inputs >= 32, time2 = frames % 2 == 0 && inputs >= 32;
    const uint32_t preferred[] = {time4   ? PLAN_CONV_WINOGRAD4_TIME4
                                  : time2 ? PLAN_CONV_WINOGRAD4_TIME2
                                          : PLAN_CONV_WINOGRAD4,
                                  PLAN_CONV_WINOGRAD4, PLAN_CONV_WINOGRAD2};
    return first_that_applies(p, preferred, 3);
}

static uint32_t choose_algorithm(const struct ir_node *n, const struct plan_conv *p, const char *conv) {
    const struct ir_dim *out = ir_out(n)->type.dims;
    int64_t frames = out[0].first / ir_attr_int(n, IR_KEY_INTERLEAVE, 1),
            inputs = ir_in(n, 1)->type.dims[1].first;
    if (conv == NULL || strcmp(conv, "direct") == 0) return PLAN_CONV_DIRECT;
    if (strcmp(conv, "winograd2") == 0) return choose_winograd2(p, frames, inputs);
    bool small = inputs < FEWEST_CHANNELS || out[1].first * out[2].first < FEWEST_PIXELS;
    if (strcmp(conv, "auto") == 0 && small) return PLAN_CONV_DIRECT;
    return choose_winograd4(p, frames, inputs);
}

static bool choose_conv(struct ir_node *n, const char *conv) {
    int64_t channels = ir_out(n)->type.dims[3].first;
    if (ir_attr_find(n, IR_KEY_BLOCK) != NULL) return false;
    struct plan_conv p = conv_params(n);
    p.algorithm = choose_algorithm(n, &p, conv);
    if (p.algorithm != PLAN_CONV_DIRECT)
        ir_attr_set_string(n, IR_KEY_ALGORITHM, plan_conv_algorithm_name(p.algorithm));
    int64_t block = plan_block_channels(&p, (uint32_t)ir_in(n, 1)->type.dims[1].first);
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
