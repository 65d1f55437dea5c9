// Static memory planning as data: intervals in, offsets out.
//
// Live ranges become parts that no range joins (passes/arena_parts.c). The size to reach is the largest lower
// bound of all parts: a part that is below it need not become smaller. In each part:
//
//     First fit    each block in turn takes the lowest gap, among the placed ones alive with it, that holds it.
//                  Several orders are tried (large first, large and long first, long first, by time). In the graphs of
//                  decoders this reaches the bound.
//     Search       where it does not, the lower bound is tried as a capacity (passes/arena_search.c), then the sizes
//                  between what is known to be impossible and what was found, by halving. A size that the search gives
//                  up on counts as impossible from there on, but not as shown to be so.
#define _GNU_SOURCE
#include "passes/arena_plan.h"

#include "base/size.h"
#include "passes/arena_parts.h"
#include "passes/arena_search.h"

#include <stdlib.h>
#include <string.h>

enum {
    NODES_PER_BLOCK = 8, // for one size in the first round; four times as many in each later one
    MOST_SIZES = 6       // tried in one round
};
#define DEFAULT_EFFORT 20000000ull
#define MOST_UNITS (1ull << 62) // the search adds two sizes

struct fitting {
    struct arena_part *part;
    int *order, *placed; // placed: blocks by ascending offset
    uint64_t *best_offset, best;
};

static bool overlap(const struct arena_block *a, const struct arena_block *b) {
    return a->first <= b->last && b->first <= a->last;
}

// ---- first fit

// Places block `i` into the lowest gap; `placed` stays sorted by offset. Returns its end, at most UINT64_MAX.
static uint64_t place(struct fitting *f, int i, int placed_count) {
    struct arena_block *blocks = f->part->blocks;
    uint64_t at = 0, top;
    for (int k = 0; k < placed_count; k++) {
        const struct arena_block *other = &blocks[f->placed[k]];
        if (!overlap(&blocks[i], other)) continue;
        if (other->offset >= at && other->offset - at >= blocks[i].size) break;
        if (other->offset + other->size > at) at = other->offset + other->size;
    }
    blocks[i].offset = at;
    int k = placed_count;
    for (; k > 0 && blocks[f->placed[k - 1]].offset > at; k--) f->placed[k] = f->placed[k - 1];
    f->placed[k] = i;
    return __builtin_add_overflow(at, blocks[i].size, &top) ? UINT64_MAX : top;
}

static void place_all(struct fitting *f) {
    uint64_t top = 0;
    for (int k = 0; k < f->part->count && top < f->best; k++) {
        uint64_t end = place(f, f->order[k], k);
        if (end > top) top = end;
    }
    if (top >= f->best) return;
    f->best = top;
    for (int i = 0; i < f->part->count; i++) f->best_offset[i] = f->part->blocks[i].offset;
}

static int by_key(uint64_t a, uint64_t b, int x, int y) { return a > b ? -1 : a < b ? 1 : x - y; }
static uint64_t length_of(const struct arena_block *b) { return (uint64_t)(b->last - b->first) + 1; }
static uint64_t area_of(const struct arena_block *b) {
    uint64_t area;
    return __builtin_mul_overflow(b->size, length_of(b), &area) ? UINT64_MAX : area;
}
static int by_size(const void *a, const void *b, void *context) {
    const struct arena_block *blocks = context;
    int x = *(const int *)a, y = *(const int *)b;
    return by_key(blocks[x].size, blocks[y].size, x, y);
}
static int by_area(const void *a, const void *b, void *context) {
    const struct arena_block *blocks = context;
    int x = *(const int *)a, y = *(const int *)b;
    return by_key(area_of(&blocks[x]), area_of(&blocks[y]), x, y);
}
static int by_length(const void *a, const void *b, void *context) {
    const struct arena_block *blocks = context;
    int x = *(const int *)a, y = *(const int *)b;
    return by_key(length_of(&blocks[x]), length_of(&blocks[y]), x, y);
}
static int by_start(const void *a, const void *b, void *context) {
    (void)context;
    return *(const int *)a - *(const int *)b;
}

static void fit_first(struct fitting *f, uint64_t goal) {
    static int (*const compare[])(const void *, const void *, void *) = {by_size, by_area, by_length,
                                                                         by_start};
    for (size_t k = 0; k < sizeof compare / sizeof *compare && f->best > goal; k++) {
        for (int i = 0; i < f->part->count; i++) f->order[i] = i;
        qsort_r(f->order, (size_t)f->part->count, sizeof *f->order, compare[k], f->part->blocks);
        place_all(f);
    }
}

// ---- search

static enum arena_answer try_size(struct fitting *f, uint64_t size, uint64_t nodes,
                                  struct arena_effort *effort) {
    enum arena_answer answer = arena_search(f->part, size, nodes, effort);
    if (answer != ARENA_FITS) return answer;
    f->best = 0;
    for (int i = 0; i < f->part->count; i++) {
        const struct arena_block *b = &f->part->blocks[i];
        f->best_offset[i] = b->offset;
        if (b->offset + b->size > f->best) f->best = b->offset + b->size;
    }
    return answer;
}

// Tries sizes from *bound on, first *bound itself, then by halving. Raises *bound above what is shown to be impossible;
// what is given up on counts as impossible for the rest of the round.
static void search_round(struct fitting *f, uint64_t *bound, uint64_t nodes, struct arena_effort *effort) {
    uint64_t low = *bound;
    for (int i = 0; i < MOST_SIZES && low < f->best && effort->steps > 0; i++) {
        uint64_t size = i == 0 ? low : low + (f->best - low) / 2;
        enum arena_answer answer = try_size(f, size, i == 0 ? 2 * nodes : nodes, effort);
        if (answer == ARENA_CANNOT_FIT) *bound = size + 1;
        if (answer != ARENA_FITS) low = size + 1;
    }
}

// Looks for sizes down to `goal`. Returns the size below which all have been shown to be impossible, or 0.
static uint64_t search(struct fitting *f, uint64_t goal, struct arena_effort *effort) {
    uint64_t low = goal, nodes = NODES_PER_BLOCK * (uint64_t)f->part->count;
    if (f->part->count > ARENA_SEARCH_MOST || f->best > MOST_UNITS) return 0;
    for (; f->best > low && effort->steps > 0; nodes *= nodes < MOST_UNITS ? 4 : 1)
        search_round(f, &low, nodes, effort);
    return low > goal ? low : 0;
}

// ---- parts

static struct fitting fitting_of(struct arena_part *part, struct arena *memory) {
    size_t n = (size_t)part->count;
    struct fitting f = {.part = part, .best = UINT64_MAX};
    f.order = arena_array(memory, n, sizeof *f.order);
    f.placed = arena_array(memory, n, sizeof *f.placed);
    f.best_offset = arena_array(memory, n, sizeof *f.best_offset);
    return f;
}

static uint64_t largest(uint64_t a, uint64_t b) { return a > b ? a : b; }

static uint64_t bound_of(const struct arena_parts *all) {
    uint64_t most = 0;
    for (int i = 0; i < all->count; i++) {
        if (all->parts[i].bound > most) most = all->parts[i].bound;
    }
    return most;
}

uint64_t arena_plan_within(struct arena_item *items, int count, uint64_t alignment,
                           struct arena_limits limits, struct arena_statistics *statistics) {
    struct arena memory = {0};
    struct arena_parts all = arena_parts_of(items, count, alignment, &memory);
    struct arena_effort left = {.steps = limits.effort};
    uint64_t size = 0, bound = bound_of(&all), enough = limits.enough / alignment;
    for (int i = 0; i < count; i++) items[i].offset = 0;
    for (int i = 0; i < all.count; i++) {
        struct fitting f = fitting_of(&all.parts[i], &memory);
        uint64_t goal = largest(largest(bound, size), enough); // nothing is gained by making a part smaller
        fit_first(&f, goal);
        bound = largest(bound, search(&f, goal, &left));
        size = largest(size, f.best);
        for (int k = 0; k < f.part->count; k++)
            items[f.part->blocks[k].item].offset = size_times(f.best_offset[k], alignment);
    }
    if (statistics != NULL)
        *statistics = (struct arena_statistics){left.nodes, size_times(bound, alignment), size == bound};
    arena_free(&memory);
    return size_times(size, alignment);
}

uint64_t arena_plan(struct arena_item *items, int count, uint64_t alignment) {
    return arena_plan_within(items, count, alignment, (struct arena_limits){.effort = DEFAULT_EFFORT}, NULL);
}

uint64_t arena_lower_bound(const struct arena_item *items, int count, uint64_t alignment) {
    struct arena memory = {0};
    struct arena_parts all = arena_parts_of(items, count, alignment, &memory);
    uint64_t bound = bound_of(&all);
    arena_free(&memory);
    return size_times(bound, alignment);
}
