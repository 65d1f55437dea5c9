// wanrun --benchmark: the time of a step, many times over, without writing video (docs/profile.md).
#ifndef WANRUN_BENCHMARK_H
#define WANRUN_BENCHMARK_H

#include "base/error.h"
#include "tools/latents/latents.h"
#include "wan/wan.h"

#include <stdbool.h>

struct benchmark_params {
    const char *plan;            // its path, for the JSON
    unsigned warmup, iterations; // of the first step, and of the steady one: run before, and measured
    bool json;                   // instead of text
};

// Measures on an open session and prints to the standard output. `shape` is the session's; `latent` has room for one
// frame of `latents`, which are taken in turn.
bool benchmark_run(const struct benchmark_params *params, struct wan_session *session,
                   const struct wan_plan_params *shape, struct latents *latents, float *latent,
                   struct error *err);

#endif
