#include "passes/causal_conv.h"

#include <stdio.h>

int64_t conv_kernel_frames(const struct ir_node *conv) { return ir_in(conv, 1)->type.dims[2].first; }

bool has_several_frames(const struct ir_type *t) {
    return t->rank == 5 ? !dim_is(t->dims[1], 1) && !dim_is(t->dims[2], 1)
                        : t->rank == 4 && !dim_is(t->dims[0], 1);
}

bool is_time_conv(const struct ir_node *n) {
    return n->op == IR_CONV && ir_in(n, 0)->type.rank == 5 && ir_in(n, 1)->constant &&
           conv_kernel_frames(n) > 1;
}

struct ir_node *causal_conv_new(struct ir_node *conv, struct ir_value *x, struct ir_cache *cache) {
    int count;
    const int64_t *pads = ir_attr_ints(conv, IR_KEY_PADS, &count);
    int64_t spatial[4] = {pads[1], pads[2], pads[4], pads[5]};
    const int64_t *strides = ir_attr_ints(conv, IR_KEY_STRIDES, &count);
    struct ir_value *inputs[] = {x, ir_in(conv, 1), ir_in(conv, 2)};
    struct ir_node *n = ir_insert(conv, IR_CAUSAL_CONV, inputs[2] ? 3 : 2, inputs);
    ir_attr_set_cache(n, cache);
    ir_attr_set_ints(n, IR_KEY_PADS, 4, spatial);
    ir_attr_set_ints(n, IR_KEY_STRIDES, 2, strides + 1);
    ir_infer_node(n, NULL);
    ir_out(n)->name = ir_out(conv)->name;
    ir_node_replace(conv, ir_out(n));
    return n;
}

struct ir_cache *causal_cache_new(struct ir_module *m, struct ir_type x, int64_t frames,
                                  const char *producer) {
    char name[32];
    snprintf(name, sizeof name, "c%d", m->cache_count);
    x.dims[2] = dim_const(frames);
    x.time_axis = -1;
    return ir_cache_new(m, name, x, producer);
}
