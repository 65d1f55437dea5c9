// choose_convs: by which algorithm, how many output channels one convolution operator computes at a time, and how
// many queries attention takes.
//
// XNNPACK's kernel streams all packed weights of an operator past each few pixels. When they do not fit the
// L2 cache it may wait for memory: on one machine 384 -> 384 channels ran at 69 GFLOP/s a core whole and at
// 126 in blocks of 32 output channels; on another, with faster caches, at 238 and 245. Too small a block
// costs up to 13 % (96 -> 96 channels: 419 GFLOP/s in blocks of 32, 453 whole). So a block is as large as its
// packed weights allow, in multiples of 32 channels.
//
// How convolutions are computed is chosen for all of them together (conv_choice.h): the fastest algorithms of those that
// the user allows, as long as the error of a decode stays below its limit.
//
//     %y = frame_conv %w, @w {taps=3, ..}    ->  %y = frame_conv %w, @w {block=32, taps=3, ..}
//                                            or  %y = frame_conv %w, @w {algorithm="winograd4", block=96, taps=3, ..}
#include "passes/conv_choice.h"
#include "passes/conv_node.h"
#include "passes/pass.h"
#include "plan/winograd.h"

#include <string.h>

enum {
    SCORE_BYTES = 4 << 20, // of attention scores held at a time
    QUERY_ROWS = 16,       // query blocks are multiples of this
};

// ---- convolutions

static bool is_open(const struct ir_node *n) {
    return n->op == IR_FRAME_CONV && ir_attr_find(n, IR_KEY_BLOCK) == NULL;
}

static enum plan_variant variant_of(const struct ir_graph *g) {
    return strcmp(g->name, "first") == 0 ? PLAN_FIRST : PLAN_STEADY;
}

// What somebody has chosen stays, and has its part in the error.
static void add_conv(struct ir_module *m, const struct ir_node *n, enum plan_variant v) {
    struct plan_conv_shape shape = conv_node_shape(n);
    if (is_open(n)) conv_choice_add(m->choice, &m->arena, &shape, v);
    else conv_choice_fix(m->choice, &shape, conv_node_params(n).algorithm, v);
}

static void set_conv(struct ir_module *m, struct ir_node *n) {
    struct plan_conv_shape shape = conv_node_shape(n);
    uint32_t algorithm = conv_choice_of(m->choice, &shape);
    struct plan_conv p = plan_conv_case(&shape, algorithm).params;
    int64_t channels = ir_out(n)->type.dims[3].first, block = plan_block_channels(&p, shape.in);
    if (algorithm != PLAN_CONV_DIRECT)
        ir_attr_set_string(n, IR_KEY_ALGORITHM, plan_conv_algorithm_name(algorithm));
    ir_attr_set_int(n, IR_KEY_BLOCK, block < channels ? block : channels);
}

static bool any_open(const struct ir_module *m) {
    for (const struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        for (const struct ir_node *n = g->body.head; n != NULL; n = n->next) {
            if (is_open(n)) return true;
        }
    }
    return false;
}

static bool add_convs(struct ir_module *m, struct error *err) {
    for (struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        for (struct ir_node *n = g->body.head; n != NULL; n = n->next) {
            if (n->op != IR_FRAME_CONV) continue;
            if (!conv_node_check(n, err)) return false;
            add_conv(m, n, variant_of(g));
        }
    }
    return true;
}

static void set_convs(struct ir_module *m) {
    for (struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        for (struct ir_node *n = g->body.head; n != NULL; n = n->next) {
            if (is_open(n)) set_conv(m, n);
        }
    }
}

static bool choose_convs(struct ir_module *m, struct error *err) {
    static const struct conv_choice_options defaults = {0};
    if (!any_open(m)) return true;
    m->choice = conv_choice_new(&m->arena, m->choice ? &m->choice->options : &defaults);
    if (!add_convs(m, err) || !conv_choice_decide(m->choice, err)) return false;
    set_convs(m);
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
    *progress = any_open(m);
    if (!choose_convs(m, err)) return false;
    for (struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        for (struct ir_node *n = g->body.head; n != NULL; n = n->next) {
            if (n->op == IR_FRAME_ATTENTION && choose_attention(n)) *progress = true;
        }
    }
    return true;
}
