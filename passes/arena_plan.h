// Offsets for blocks with live ranges in one arena.
#ifndef WANC_PASSES_ARENA_PLAN_H
#define WANC_PASSES_ARENA_PLAN_H

#include <stdint.h>

struct arena_item {
    int first, last; // alive from first to last, both included
    uint64_t bytes;
    uint64_t offset; // result
};

// Chooses offsets (multiples of `alignment`) such that items alive at the same time do not overlap. Returns
// the arena's size. Deterministic.
uint64_t arena_plan(struct arena_item *items, int count, uint64_t alignment);
// The largest sum of sizes (rounded up to `alignment`) alive at once: no placement can need less.
uint64_t arena_lower_bound(const struct arena_item *items, int count, uint64_t alignment);

#endif
