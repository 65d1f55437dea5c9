// plan_caches: the persistent arena. Caches are alive from step to step, so none can share its place with
// another: they lie side by side, in the order of their declaration, each aligned for the widest vector
// loads.
//
//     cache @c0: f32[2,30,52,16] "conv_in"      ->  cache @c0: f32[2,30,52,16] "conv_in" at 0
//     cache @c1: f32[2,30,52,384] "conv1"           cache @c1: f32[2,30,52,384] "conv1" at 199680
#include "base/size.h"
#include "passes/pass.h"

enum { ALIGNMENT = 64 };

bool pass_plan_caches(struct ir_module *m, bool *progress, struct error *err) {
    uint64_t offset = 0;
    for (struct ir_cache *c = m->caches; c != NULL; c = c->next) {
        int64_t count;
        if (!ir_type_count(&c->type, &count) || count < 0) {
            return error_set(err, ERROR_INTERNAL, "cache '%s' has no static shape", c->name);
        }
        *progress = *progress || c->offset != (int64_t)offset;
        c->offset = (int64_t)offset;
        offset = size_align(offset + 4 * (uint64_t)count, ALIGNMENT);
    }
    m->cache_bytes = offset;
    return true;
}
