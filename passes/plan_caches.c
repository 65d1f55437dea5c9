// plan_caches: the persistent arena. Caches are alive from step to step, so none can share its place with
// another: they lie side by side, in the order of their declaration, each aligned for the widest vector
// loads.
//
//     cache @c0: f32[2,30,52,16] "conv_in"      ->  cache @c0: f32[2,30,52,16] "conv_in" at 0
//     cache @c1: f32[2,30,52,384] "conv1"           cache @c1: f32[2,30,52,384] "conv1" at 199680
//
// `wanc compile --cache-type` keeps them in 16 bits: the type of a cache becomes f16 or bf16, and its offset half of what it
// was. What is computed from them stays f32.
//
// Those that a stream_conv keeps take a little more, for the rows and pixels of room between them (passes/stream.h).
// A decoder of one latent frame (no graph steady) has nothing to keep: caches that no node names are dropped.
#include "base/size.h"
#include "passes/pass.h"
#include "passes/stream.h"
#include "plan/plan.h"

enum { ALIGNMENT = 64 };

static bool is_named(const struct ir_module *m, const struct ir_cache *c) {
    for (const struct ir_graph *g = m->graphs; g != NULL; g = g->next) {
        for (const struct ir_node *n = g->body.head; n != NULL; n = n->next) {
            if (ir_attr_find(n, IR_KEY_CACHE) != NULL && ir_attr_cache(n) == c) return true;
        }
    }
    return false;
}

static void drop_unnamed(struct ir_module *m, bool *progress) {
    int count = 0;
    for (struct ir_cache **c = &m->caches; *c != NULL;) {
        if (is_named(m, *c)) {
            (*c)->index = count++;
            c = &(*c)->next;
        } else {
            *c = (*c)->next;
            *progress = true;
        }
    }
    m->cache_count = count;
}

bool pass_plan_caches(struct ir_module *m, bool *progress, struct error *err) {
    if (ir_graph_find(m, "steady") == NULL) drop_unnamed(m, progress);
    uint64_t offset = 0;
    for (struct ir_cache *c = m->caches; c != NULL; c = c->next) {
        int64_t count;
        if (!ir_type_count(&c->type, &count) || count < 0) {
            return error_set(err, ERROR_INTERNAL, "cache '%s' has no static shape", c->name);
        }
        *progress = *progress || c->offset != (int64_t)offset;
        c->offset = (int64_t)offset;
        // A history has a row and a column more: less than four times the cache, which so many bits have room for.
        bool fits = (uint64_t)count <= PLAN_MAX_BYTES / sizeof(double);
        uint64_t floats = fits && stream_keeps(m, c) ? stream_history_floats(c) : (uint64_t)count;
        if (m->cache_dtype != IR_F32) c->type.dtype = m->cache_dtype;
        offset = size_align(size_plus(offset, size_times(ir_dtype_size(c->type.dtype), floats)), ALIGNMENT);
        if (!fits || offset > PLAN_MAX_BYTES)
            return error_set(err, ERROR_UNSUPPORTED, "with cache '%s', caches take more than %llu bytes",
                             c->name, (unsigned long long)PLAN_MAX_BYTES);
    }
    m->cache_bytes = offset;
    return true;
}
