#include "passes/stream.h"

bool stream_keeps(const struct ir_module *m, const struct ir_cache *c) {
    for (const struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        for (const struct ir_node *n = g->body.head; n != NULL; n = n->next) {
            if (n->op == IR_STREAM_CONV && ir_attr_find(n, IR_KEY_CACHE) && ir_attr_cache(n) == c)
                return true;
        }
    }
    return false;
}

struct ir_storage stream_history(const struct ir_cache *c) {
    const struct ir_dim *d = c->type.dims;
    struct ir_storage s = {.place = IR_NOWHERE, .channel_stride = 1};
    s.pixel_stride = (uint64_t)d[3].first;
    s.row_stride = (uint64_t)(d[2].first + 1) * s.pixel_stride;
    s.frame_stride = (uint64_t)(d[1].first + 1) * s.row_stride;
    s.offset = s.row_stride + s.pixel_stride;
    return s;
}

uint64_t stream_history_move(const struct ir_cache *c) { return stream_history(c).offset; }

uint64_t stream_history_floats(const struct ir_cache *c) {
    return (uint64_t)c->type.dims[0].first * stream_history(c).frame_stride;
}
