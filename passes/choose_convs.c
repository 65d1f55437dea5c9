// choose_convs: how many output channels one convolution operator computes at a time, and how many queries
// attention takes.
//
// XNNPACK's kernel streams all packed weights of an operator past each few pixels. When they do not fit the
// L2 cache it may wait for memory: on one machine 384 -> 384 channels ran at 69 GFLOP/s a core whole and at
// 126 in blocks of 32 output channels; on another, with faster caches, at 238 and 245. Too small a block
// costs up to 13 % (96 -> 96 channels: 419 GFLOP/s in blocks of 32, 453 whole). So a block is as large as its
// packed weights allow, in multiples of 32 channels.
//
//     %y = frame_conv %w, @w {taps=3, ..}    ->  %y = frame_conv %w, @w {block=32, taps=3, ..}
#include "passes/pass.h"

enum {
    BLOCK_BYTES = 1400 << 10, // of packed weights: they share the L2 cache with the pixels
    BLOCK_CHANNELS = 32,      // two 512-bit registers
    SCORE_BYTES = 4 << 20,    // of attention scores held at a time
    QUERY_ROWS = 16,          // query blocks are multiples of this
};

static bool choose_conv(struct ir_node *n) {
    const struct ir_type *w = &ir_in(n, 1)->type;
    int64_t channels = ir_out(n)->type.dims[3].first;
    int64_t inputs = w->dims[1].first * ir_attr_int(n, IR_KEY_TAPS, 1) * w->dims[3].first * w->dims[4].first;
    if (ir_attr_find(n, IR_KEY_BLOCK) != NULL) return false;
    int64_t block =
        BLOCK_BYTES / (4 * (inputs + 1)) / BLOCK_CHANNELS * BLOCK_CHANNELS; // one row more: the bias
    if (block < BLOCK_CHANNELS) block = BLOCK_CHANNELS;
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
            if (n->op == IR_FRAME_CONV && choose_conv(n)) *progress = true;
            if (n->op == IR_FRAME_ATTENTION && choose_attention(n)) *progress = true;
        }
    }
    return true;
}
