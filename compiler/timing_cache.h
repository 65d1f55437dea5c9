// Measured times of convolutions, kept in a file between compilations (`wanc compile --timing-cache`, docs/choice.md).
#ifndef WANC_COMPILER_TIMING_CACHE_H
#define WANC_COMPILER_TIMING_CACHE_H

#include "plan/conv_shape.h"

// On what the times hold: another CPU, another XNNPACK or another number of threads has its own.
struct timing_key {
    char cpu[128];
    uint64_t layout; // of XNNPACK's packed weights (runtime/packed.h)
    unsigned threads;
};
bool timing_key_here(struct timing_key *key, unsigned threads, struct error *err);

struct timing_cache;
// Reads a file, which need not be there yet. One that is no timing cache is refused.
struct timing_cache *timing_cache_open(const char *path, const struct timing_key *key, struct error *err);
void timing_cache_close(struct timing_cache *c); // NULL is allowed

bool timing_cache_get(const struct timing_cache *c, const struct plan_conv_shape *s, uint32_t algorithm,
                      double *seconds);
bool timing_cache_put(struct timing_cache *c, const struct plan_conv_shape *s, uint32_t algorithm,
                      double seconds);
// Writes the file, if something was put in. Times of other machines stay in it.
bool timing_cache_save(struct timing_cache *c, struct error *err);

#endif
