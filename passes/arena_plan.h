// Offsets for blocks with live ranges in one arena.
#ifndef WANC_PASSES_ARENA_PLAN_H
#define WANC_PASSES_ARENA_PLAN_H

#include <stdbool.h>
#include <stdint.h>

struct arena_item {
    int first, last; // alive from first to last, both included
    uint64_t bytes;
    uint64_t offset; // result
};

struct arena_limits {
    uint64_t effort; // steps of the search, about 10^8 a second; 0: first fit only
    uint64_t enough; // bytes: a smaller size is not looked for; 0: the smallest is
};

// How a plan was found.
struct arena_statistics {
    uint64_t nodes; // of the search
    uint64_t bound; // no plan is smaller: the lower bound, or more where the search has shown that
    bool optimal;   // the plan's size is `bound`
};

// Chooses offsets (multiples of `alignment`) such that items alive at the same time do not overlap. Returns
// the arena's size, or UINT64_MAX when 64 bits do not hold it. Deterministic.
uint64_t arena_plan(struct arena_item *items, int count, uint64_t alignment);
// The same within limits of one's own. `statistics` may be NULL.
uint64_t arena_plan_within(struct arena_item *items, int count, uint64_t alignment,
                           struct arena_limits limits, struct arena_statistics *statistics);
// The largest sum of sizes (rounded up to `alignment`) alive at once: no placement can need less. UINT64_MAX
// when 64 bits do not hold it.
uint64_t arena_lower_bound(const struct arena_item *items, int count, uint64_t alignment);

#endif
