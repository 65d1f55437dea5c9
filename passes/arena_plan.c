// Static memory planning as data: intervals in, offsets out.
//
// Placement is first fit: each item in turn takes the lowest gap, among the already placed items alive at the
// same time, that holds it. The result depends on the order only. Several orders are tried (large first,
// large and long first, by time); then, while the result is above the lower bound, the item that reaches the
// highest address is moved to an earlier place in the best order and the placement repeated, a bounded number
// of times.
#include "passes/arena_plan.h"

#include "base/arena.h"
#include "base/size.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { IMPROVEMENTS = 3000 };

struct planner {
    struct arena_item *items;
    int count;
    uint64_t alignment;
    int *order, *best_order, *placed; // placed: items by ascending offset
    uint64_t *best_offset;
    uint64_t best;
};

static uint64_t rounded(const struct planner *p, int i) {
    return size_align(p->items[i].bytes, p->alignment);
}

static bool overlap(const struct arena_item *a, const struct arena_item *b) {
    return a->first <= b->last && b->first <= a->last;
}

uint64_t arena_lower_bound(const struct arena_item *items, int count, uint64_t alignment) {
    uint64_t most = 0;
    for (int i = 0; i < count; i++) { // the maximum is reached where some item begins
        uint64_t sum = 0;
        for (int k = 0; k < count; k++) {
            if (items[k].first <= items[i].first && items[i].first <= items[k].last)
                sum += size_align(items[k].bytes, alignment);
        }
        if (sum > most) most = sum;
    }
    return most;
}

// Places item `i` into the lowest gap; `placed` stays sorted by offset.
static uint64_t place(struct planner *p, int i, int placed_count) {
    struct arena_item *item = &p->items[i];
    uint64_t at = 0, bytes = rounded(p, i);
    for (int k = 0; k < placed_count; k++) {
        const struct arena_item *other = &p->items[p->placed[k]];
        if (!overlap(item, other)) continue;
        if (other->offset >= at + bytes) break;
        uint64_t end = other->offset + rounded(p, p->placed[k]);
        if (end > at) at = end;
    }
    item->offset = at;
    int k = placed_count;
    for (; k > 0 && p->items[p->placed[k - 1]].offset > at; k--) p->placed[k] = p->placed[k - 1];
    p->placed[k] = i;
    return at + bytes;
}

static uint64_t place_all(struct planner *p) {
    uint64_t top = 0;
    for (int k = 0; k < p->count; k++) {
        uint64_t end = place(p, p->order[k], k);
        if (end > top) top = end;
    }
    if (top < p->best) {
        p->best = top;
        for (int i = 0; i < p->count; i++) p->best_offset[i] = p->items[i].offset;
        memcpy(p->best_order, p->order, (size_t)p->count * sizeof *p->order);
    }
    return top;
}

static const struct arena_item *sorting; // qsort has no context argument

static int by_key(uint64_t a, uint64_t b, int x, int y) { return a > b ? -1 : a < b ? 1 : x - y; }
static int by_size(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return by_key(sorting[x].bytes, sorting[y].bytes, x, y);
}
static int by_area(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return by_key(sorting[x].bytes * (uint64_t)(sorting[x].last - sorting[x].first + 1),
                  sorting[y].bytes * (uint64_t)(sorting[y].last - sorting[y].first + 1), x, y);
}
static int by_length(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return by_key((uint64_t)(sorting[x].last - sorting[x].first),
                  (uint64_t)(sorting[y].last - sorting[y].first), x, y);
}
static int by_start(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return by_key((uint64_t)sorting[y].first, (uint64_t)sorting[x].first, x, y);
}

static void try_orders(struct planner *p) {
    static int (*const compare[])(const void *, const void *) = {by_size, by_area, by_length, by_start};
    for (size_t k = 0; k < sizeof compare / sizeof *compare; k++) {
        for (int i = 0; i < p->count; i++) p->order[i] = i;
        sorting = p->items;
        qsort(p->order, (size_t)p->count, sizeof *p->order, compare[k]);
        place_all(p);
    }
}

// Moves the item that sets the peak to a random earlier place of the best order.
static void improve(struct planner *p, uint64_t bound) {
    uint32_t random = 12345;
    for (int round = 0; round < IMPROVEMENTS && p->best > bound; round++) {
        memcpy(p->order, p->best_order, (size_t)p->count * sizeof *p->order);
        int at = p->count - 1;
        while (at > 0 && p->best_offset[p->order[at]] + rounded(p, p->order[at]) != p->best) at--;
        random = random * 1664525u + 1013904223u;
        if (round % 4 == 3) at = (int)(random >> 8) % p->count; // sometimes any item
        random = random * 1664525u + 1013904223u;
        int to = at > 0 ? (int)(random >> 8) % at : 0, item = p->order[at];
        memmove(p->order + to + 1, p->order + to, (size_t)(at - to) * sizeof *p->order);
        p->order[to] = item;
        place_all(p);
    }
}

uint64_t arena_plan(struct arena_item *items, int count, uint64_t alignment) {
    if (count == 0) return 0;
    size_t n = (size_t)count;
    struct arena scratch = {0};
    int *orders = arena_array(&scratch, 3 * n, sizeof *orders);
    uint64_t *offsets = arena_array(&scratch, n, sizeof *offsets);
    struct planner p = {items, count, alignment, orders, orders + n, orders + 2 * n, offsets, UINT64_MAX};
    try_orders(&p);
    improve(&p, arena_lower_bound(items, count, alignment));
    for (int i = 0; i < count; i++) items[i].offset = offsets[i];
    arena_free(&scratch);
    return p.best;
}
