// Live ranges as planning sees them: blocks over sections of time, in parts that have nothing to do with each
// other.
#ifndef WANC_PASSES_ARENA_PARTS_H
#define WANC_PASSES_ARENA_PARTS_H

#include "base/arena.h"
#include "passes/arena_plan.h"

#include <stddef.h>

struct arena_block {
    int first, last; // sections, of its part, both included
    int item;
    uint64_t size; // in units of the alignment
    uint64_t offset;
};

struct arena_part {
    struct arena_block *blocks; // in the order of `first`
    int count, sections;
    uint64_t *sums; // of each section: the sizes alive in it
    uint64_t bound; // the largest of them; UINT64_MAX when 64 bits do not hold it
};

struct arena_parts {
    struct arena_part *parts;
    int count;
};

// Items without bytes are in no part.
struct arena_parts arena_parts_of(const struct arena_item *items, int count, uint64_t alignment,
                                  struct arena *memory);

#endif
