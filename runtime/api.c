#include "runtime/api.h"

#include "base/versioned.h"

#include <stdlib.h>

const char *wan_version(void) { return WAN_VERSION; }

unsigned wan_abi_version(void) { return WAN_ABI_VERSION; }

bool api_take_allocator(struct wan_allocator *to, const struct wan_allocator *from, struct error *err) {
    *to = (struct wan_allocator){0};
    if (from == NULL) return true;
    if (!versioned_take(to, sizeof *to, sizeof *to, from, "wan_allocator", err)) return false;
    return (to->allocate != NULL && to->release != NULL) ||
           error_set(err, ERROR_USAGE, "wan_allocator: expected allocate and release, found NULL");
}

// ---- pools

struct wan_pool *wan_pool_new(unsigned threads, struct wan_error *error) {
    struct error err = {0};
    struct wan_pool *p = calloc(1, sizeof *p);
    if (p == NULL) error_set(&err, ERROR_MEMORY, "out of memory");
    if (p != NULL && rt_pool_new(&p->threads, threads, &err)) {
        p->ours = true;
        return p;
    }
    free(p);
    api_report(NULL, error, &err);
    return NULL;
}

struct wan_pool *wan_pool_of(struct pthreadpool *pool, struct wan_error *error) {
    struct wan_pool *p = calloc(1, sizeof *p);
    if (p == NULL) api_fail(NULL, error, WAN_ERROR_MEMORY, "out of memory");
    else p->threads = pool;
    if (p == NULL || pool != NULL) return p;
    free(p);
    api_fail(NULL, error, WAN_ERROR_ARGUMENT, "wan_pool_of: expected a pool, found NULL");
    return NULL;
}

void wan_pool_free(struct wan_pool *pool) {
    if (pool == NULL) return;
    if (pool->ours) pthreadpool_destroy(pool->threads);
    free(pool);
}
