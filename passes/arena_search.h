// Whether the blocks of a part fit a given size, by exhaustive search.
#ifndef WANC_PASSES_ARENA_SEARCH_H
#define WANC_PASSES_ARENA_SEARCH_H

#include "passes/arena_parts.h"

enum arena_answer { ARENA_FITS, ARENA_CANNOT_FIT, ARENA_GAVE_UP };

struct arena_effort {
    uint64_t steps; // that may still be taken; the search takes off what it needs
    uint64_t nodes; // counted up
};

enum { ARENA_SEARCH_MOST = 2048 }; // blocks

// Sets the offsets of at most ARENA_SEARCH_MOST blocks if they fit `capacity` (in units, at least the part's bound, below
// 2^62). Gives up after so many nodes, and when the effort is spent.
enum arena_answer arena_search(struct arena_part *part, uint64_t capacity, uint64_t nodes,
                               struct arena_effort *effort);

#endif
