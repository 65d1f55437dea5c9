// choose_convs: how many output channels one convolution operator computes at a time, and how many queries attention takes.
//
// XNNPACK's kernel streams all packed weights of an operator past each few pixels. When they do not fit the L2 cache the
// kernel waits for memory: measured 69 -> 126 GFLOP/s for 384 -> 384 channels when the operator is cut into blocks
// of 32 output channels, and nothing to gain where the weights are small (docs of the choice: docs/passes.md).
//
//     %y = frame_conv %w, @w {taps=3, ..}    ->  %y = frame_conv %w, @w {block=32, taps=3, ..}
#include "passes/pass.h"

enum {
    L2_BYTES = 1 << 19,      // of weights that may stay in one operator: half of a 1 MiB L2 cache
    BLOCK_CHANNELS = 32,     // two 512-bit registers
    SCORE_BYTES = 4 << 20,   // of attention scores held at a time
    QUERY_ROWS = 16,         // query blocks are multiples of this
};

static bool choose_conv(struct ir_node *n) {
    const struct ir_type *w = &ir_in(n, 1)->type;
    int64_t channels = ir_out(n)->type.dims[3].first;
    int64_t bytes = 4 * w->dims[1].first * ir_attr_int(n, IR_KEY_TAPS, 1) * w->dims[3].first * w->dims[4].first * channels;
    if (ir_attr_find(n, IR_KEY_BLOCK) != NULL) return false;
    ir_attr_set_int(n, IR_KEY_BLOCK, bytes > L2_BYTES && channels > BLOCK_CHANNELS ? BLOCK_CHANNELS : channels);
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
