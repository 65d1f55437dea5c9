// Search: do these blocks fit this many units?
//
// Only settled placements matter: those in which no block can be lowered. In one of them every block lies at 0
// or on top of another that is alive with it. Each block that is not placed yet has a `floor`: it lies there
// or higher. The search takes a block whose floor is the lowest. No block that comes later can lie below it,
// so there are two cases:
//
//     it lies at its floor       the floors of those alive with it rise to its top
//     it lies higher             then it rests on a block that is not placed: its floor rises to the lowest
//                                top that one of them can have
//
// Inference, in each section, over the blocks alive in it that are not placed (`rest`: the sum of their sizes):
//     lowest floor + rest > capacity                     a contradiction
//     floor of x + rest > capacity                       x is not the lowest of them: it lies on another one
//
// Example, a capacity of 6: a (size 3, section 0), b (2, sections 0 to 1), c (4, section 1). Let a lie at 0: then the
// floor of b is 3. In section 1 the rest is 6, and 3 + 6 > 6: b is not the lowest there, it lies on c, its floor is 4.
// c lies at 0, b at 4, and all is placed without another case.
//
// Reasons. Each floor carries the set of placements (by their depth in the search) that it follows from. A
// contradiction's reason is the union of those of the floors in it. If the latest placement is not in it,
// another case for that placement would fail in the same way: the search goes back further. That is what keeps a
// knot in one place of time from being proved anew for all arrangements of the blocks elsewhere.
//
// Choice. Of several blocks with the lowest floor, that one goes first that is alive in the section with the
// most contradictions so far, then the first in one of three fixed orders (by pressure, which is the largest sum of a
// section that it is alive in, area and length of life, in turn). The search begins again after a number of nodes,
// which grows, with the next order; the counts of contradictions of each order are kept. An unlucky beginning is not
// pursued for long, and the next one begins where the difficulty was.
//
// Everything is counted in steps, never in seconds: the same blocks give the same answer anywhere.
// The frame of this search (settled placements, inference from floors) follows M. D. Moffitt, "MiniMalloc",
// ASPLOS 2023; the binary branching, the reasons and the choice by contradictions are ours.
#define _GNU_SOURCE
#include "passes/arena_search.h"

#include <stdlib.h>
#include <string.h>

enum {
    ORDERS = 3,
    FIRST_RUN = 300,       // nodes before the first beginning anew; then a quarter more each time
    TRAIL_WORDS = 1 << 22, // memory of the trail
};

struct change { // one entry of the trail: what a block's floor and reason were
    int block;
    uint64_t floor;
};

struct search {
    struct arena_block *blocks;
    int count, sections, words; // words of a reason
    uint64_t capacity;
    struct arena_effort *effort;
    int *rank[ORDERS], *order; // order: the rank of the present run
    uint64_t *weights[ORDERS],
        *weight;          // of sections: contradictions in runs with this order; weight: of the present one
    int *members, *begin; // of section k: members[begin[k]] to members[begin[k + 1] - 1]
    bool *placed;
    uint64_t *floor, *size, *reason; // reason: `words` for each block
    int *where,
        *where_begin; // place of block i among the members of its section k: where[where_begin[i] + k]
    // of sections
    int *alive;                   // members that are not placed; they are in front
    uint64_t *rest, *highest;     // weight: contradictions so far
    uint64_t *low_top, *low_top2; // the lowest tops that blocks not placed can have
    int *low_block;               // whose low_top is
    int dirty_from, dirty_to;     // sections in which something may have changed since they were looked at
    struct change *trail;
    uint64_t *trail_reason, *conflict, *scratch;
    size_t trail_count, trail_most;
    uint64_t nodes_left; // of this run
    bool stopped;
};

static bool overlap(const struct arena_block *a, const struct arena_block *b) {
    return a->first <= b->last && b->first <= a->last;
}

static uint64_t top_of(const struct search *s, int i) { return s->floor[i] + s->size[i]; }

// ---- reasons, and the trail by which changes are taken back

static uint64_t *reason_of(const struct search *s, int i) { return s->reason + (size_t)i * (size_t)s->words; }

static void reason_add(const struct search *s, uint64_t *to, const uint64_t *from) {
    for (int k = 0; k < s->words; k++) to[k] |= from[k];
    s->effort->steps -= s->effort->steps > 0;
}

static void touch(struct search *s, int from, int to) {
    if (from < s->dirty_from) s->dirty_from = from;
    if (to > s->dirty_to) s->dirty_to = to;
}

static void touch_block(struct search *s, int i) { touch(s, s->blocks[i].first, s->blocks[i].last); }

static void set_floor(struct search *s, int i, uint64_t floor, const uint64_t *reason) {
    size_t words = (size_t)s->words;
    if (s->trail_count == s->trail_most) {
        s->stopped = true;
        return;
    }
    s->trail[s->trail_count] = (struct change){i, s->floor[i]};
    memcpy(s->trail_reason + s->trail_count++ * words, reason_of(s, i), words * sizeof *reason);
    s->floor[i] = floor;
    memmove(reason_of(s, i), reason, words * sizeof *reason);
    touch_block(s, i);
}

static void undo(struct search *s, size_t mark) {
    size_t words = (size_t)s->words;
    while (s->trail_count > mark) {
        struct change c = s->trail[--s->trail_count];
        s->floor[c.block] = c.floor;
        memcpy(reason_of(s, c.block), s->trail_reason + s->trail_count * words, words * sizeof(uint64_t));
        touch_block(s, c.block);
    }
}

static void swap_members(struct search *s, int k, int a, int b) {
    int x = s->members[a], y = s->members[b];
    s->members[a] = y, s->members[b] = x;
    s->where[s->where_begin[x] + k] = b, s->where[s->where_begin[y] + k] = a;
}

// Blocks are taken back in the opposite order, so that each is the first behind those not placed.
static void set_placed(struct search *s, int i, bool placed) {
    const struct arena_block *b = &s->blocks[i];
    s->placed[i] = placed;
    for (int k = b->first; k <= b->last; k++) {
        if (placed) {
            s->rest[k] -= b->size;
            swap_members(s, k, s->where[s->where_begin[i] + k], s->begin[k] + --s->alive[k]);
        } else {
            s->rest[k] += b->size;
            s->alive[k]++;
        }
    }
    touch_block(s, i);
}

// ---- inference

static void section_reason(struct search *s, int k, uint64_t *reason) {
    memset(reason, 0, (size_t)s->words * sizeof *reason);
    for (int m = s->begin[k]; m < s->begin[k] + s->alive[k]; m++) {
        reason_add(s, reason, reason_of(s, s->members[m]));
    }
}

static bool contradiction(struct search *s, int k) {
    s->weight[k]++;
    section_reason(s, k, s->conflict);
    return false;
}

// What the section knows of its blocks; false if they cannot all be above their floors.
static bool look(struct search *s, int k) {
    uint64_t lowest = UINT64_MAX, highest = 0, top = UINT64_MAX, top2 = UINT64_MAX;
    int block = -1;
    for (int m = s->begin[k]; m < s->begin[k] + s->alive[k]; m++) {
        int i = s->members[m];
        uint64_t t = top_of(s, i);
        if (s->floor[i] < lowest) lowest = s->floor[i];
        if (s->floor[i] > highest) highest = s->floor[i];
        if (t < top) top2 = top, top = t, block = i;
        else if (t < top2) top2 = t;
    }
    s->highest[k] = highest;
    s->low_top[k] = top;
    s->low_top2[k] = top2;
    s->low_block[k] = block;
    return block < 0 || lowest + s->rest[k] <= s->capacity || contradiction(s, k);
}

// Raises the floors of blocks that cannot be the lowest in section k.
static bool raise(struct search *s, int k) {
    bool known = false; // the reason
    if (s->highest[k] + s->rest[k] <= s->capacity) return true;
    for (int m = s->begin[k]; m < s->begin[k] + s->alive[k]; m++) {
        int i = s->members[m];
        if (s->floor[i] + s->rest[k] <= s->capacity) continue;
        uint64_t floor = i == s->low_block[k] ? s->low_top2[k] : s->low_top[k];
        if (floor > s->capacity - s->blocks[i].size) return contradiction(s, k);
        if (floor <= s->floor[i]) continue;
        if (!known) section_reason(s, k, s->scratch);
        known = true;
        set_floor(s, i, floor, s->scratch);
    }
    return true;
}

static bool infer(struct search *s) {
    while (s->dirty_from <= s->dirty_to) {
        int from = s->dirty_from, to = s->dirty_to;
        s->dirty_from = s->sections;
        s->dirty_to = -1;
        for (int k = from; k <= to; k++) {
            uint64_t steps = (uint64_t)s->alive[k] + 1;
            s->effort->steps -= steps < s->effort->steps ? steps : s->effort->steps;
            if (look(s, k) && raise(s, k)) continue;
            touch(s, k, to);
            return false;
        }
    }
    return true;
}

// ---- branching

static uint64_t weight_of(const struct search *s, int i) {
    uint64_t most = 0;
    for (int k = s->blocks[i].first; k <= s->blocks[i].last; k++) {
        if (s->weight[k] > most) most = s->weight[k];
    }
    return most;
}

static int choose(const struct search *s) {
    int best = -1;
    uint64_t best_weight = 0;
    for (int i = 0; i < s->count; i++) {
        if (s->placed[i] || (best >= 0 && s->floor[i] > s->floor[best])) continue;
        uint64_t weight = weight_of(s, i);
        bool better = best < 0 || s->floor[i] < s->floor[best] || weight > best_weight ||
                      (weight == best_weight && s->order[i] < s->order[best]);
        if (better) best = i, best_weight = weight;
    }
    return best;
}

static void place(struct search *s, int block, int depth) {
    uint64_t top = top_of(s, block), *reason = reason_of(s, block);
    memcpy(s->scratch, reason, (size_t)s->words * sizeof *reason);
    s->scratch[depth / 64] |= 1ull << depth % 64;
    set_floor(s, block, s->floor[block], s->scratch);
    set_placed(s, block, true);
    for (int i = 0; i < s->count; i++) {
        if (!s->placed[i] && s->floor[i] < top && overlap(&s->blocks[i], &s->blocks[block]))
            set_floor(s, i, top, reason);
    }
}

// `block` does not lie at its floor, because of s->conflict (which has the reason of that floor in it, as it came
// through the placement there): it rests on one that is not placed. What could be lower than the lowest of their tops,
// were it elsewhere, is part of the reason.
static bool pass_over(struct search *s, int block) {
    uint64_t floor = UINT64_MAX;
    for (int i = 0; i < s->count; i++) {
        if (i == block || s->placed[i] || !overlap(&s->blocks[i], &s->blocks[block])) continue;
        if (top_of(s, i) < floor) floor = top_of(s, i);
    }
    for (int i = 0; i < s->count; i++) {
        if (i != block && s->blocks[i].size < floor && overlap(&s->blocks[i], &s->blocks[block]))
            reason_add(s, s->conflict, reason_of(s, i));
    }
    if (floor > s->capacity - s->blocks[block].size) return false;
    set_floor(s, block, floor, s->conflict);
    return true;
}

static bool enter_node(struct search *s) {
    uint64_t steps = (uint64_t)s->count;
    if (s->effort->steps < steps) s->effort->steps = 0; // not enough for anything
    s->stopped |= s->nodes_left == 0 || s->effort->steps == 0;
    if (s->stopped) return false;
    s->nodes_left--;
    s->effort->nodes++;
    s->effort->steps -= steps;
    return true;
}

// True: everything is placed. False: stopped, or a contradiction whose reason is in s->conflict; floors are as
// before.
static bool solve(struct search *s, int depth) {
    size_t mark = s->trail_count;
    while (enter_node(s) && infer(s) && !s->stopped) {
        int block = choose(s);
        if (block < 0) return true;
        size_t before = s->trail_count;
        place(s, block, depth);
        if (solve(s, depth + 1)) return true;
        set_placed(s, block, false);
        undo(s, before);
        uint64_t *word = &s->conflict[depth / 64], bit = 1ull << depth % 64;
        if (s->stopped || !(*word & bit)) break;
        *word &= ~bit;
        if (!pass_over(s, block)) break;
    }
    undo(s, mark);
    return false;
}

// ---- orders, memory

struct sorting {
    const struct arena_block *blocks;
    const uint64_t *pressure;
    int order;
};

static void keys_of(const struct sorting *s, int i, uint64_t keys[3]) {
    static const int position[ORDERS][3] = {{0, 2, 1}, {0, 1, 2}, {2, 1, 0}}; // of pressure, area, length
    const struct arena_block *b = &s->blocks[i];
    uint64_t length = (uint64_t)(b->last - b->first) + 1, area;
    if (__builtin_mul_overflow(length, b->size, &area)) area = UINT64_MAX;
    keys[position[s->order][0]] = s->pressure[i];
    keys[position[s->order][1]] = area;
    keys[position[s->order][2]] = length;
}

static int compare(const void *a, const void *b, void *sorting) {
    uint64_t x[3], y[3];
    int i = *(const int *)a, k = *(const int *)b;
    keys_of(sorting, i, x);
    keys_of(sorting, k, y);
    for (int j = 0; j < 3; j++) {
        if (x[j] != y[j]) return x[j] > y[j] ? -1 : 1;
    }
    return i - k;
}

static void make_orders(struct search *s, const struct arena_part *part, struct arena *memory) {
    size_t n = (size_t)s->count;
    uint64_t *pressure = arena_array(memory, n, sizeof *pressure);
    int *sorted = arena_array(memory, n, sizeof *sorted);
    for (int i = 0; i < s->count; i++) {
        for (int k = s->blocks[i].first; k <= s->blocks[i].last; k++) {
            if (part->sums[k] > pressure[i]) pressure[i] = part->sums[k];
        }
    }
    for (int o = 0; o < ORDERS; o++) {
        s->rank[o] = arena_array(memory, n, sizeof **s->rank);
        for (int i = 0; i < s->count; i++) sorted[i] = i;
        struct sorting sorting = {s->blocks, pressure, o};
        qsort_r(sorted, n, sizeof *sorted, compare, &sorting);
        for (int i = 0; i < s->count; i++) s->rank[o][sorted[i]] = i;
    }
}

static void make_sections(struct search *s, const struct arena_part *part, struct arena *memory) {
    size_t sections = (size_t)s->sections;
    s->begin = arena_array(memory, sections + 2, sizeof *s->begin);
    for (int i = 0; i < s->count; i++) {
        for (int k = s->blocks[i].first; k <= s->blocks[i].last; k++) s->begin[k + 2]++;
    }
    for (int k = 0; k < s->sections; k++) s->begin[k + 2] += s->begin[k + 1];
    s->members = arena_array(memory, (size_t)s->begin[s->sections + 1] + 1, sizeof *s->members);
    s->where = arena_array(memory, (size_t)s->begin[s->sections + 1] + 1, sizeof *s->where);
    s->where_begin = arena_array(memory, (size_t)s->count, sizeof *s->where_begin);
    for (int i = 0, at = 0; i < s->count; i++) {
        s->where_begin[i] = at - s->blocks[i].first;
        at += s->blocks[i].last - s->blocks[i].first + 1;
    }
    for (int i = 0; i < s->count; i++) { // moves begin[k + 1] from the section's begin to its end
        for (int k = s->blocks[i].first; k <= s->blocks[i].last; k++) {
            s->where[s->where_begin[i] + k] = s->begin[k + 1];
            s->members[s->begin[k + 1]++] = i;
        }
    }
    s->rest = arena_array(memory, sections, sizeof *s->rest);
    memcpy(s->rest, part->sums, sections * sizeof *s->rest);
    s->highest = arena_array(memory, sections, sizeof *s->highest);
    for (int o = 0; o < ORDERS; o++) s->weights[o] = arena_array(memory, sections, sizeof *s->weight);
    s->low_top = arena_array(memory, sections, sizeof *s->low_top);
    s->low_top2 = arena_array(memory, sections, sizeof *s->low_top2);
    s->low_block = arena_array(memory, sections, sizeof *s->low_block);
    s->alive = arena_array(memory, sections, sizeof *s->alive);
    for (int k = 0; k < s->sections; k++) s->alive[k] = s->begin[k + 1] - s->begin[k];
}

static void make_blocks(struct search *s, struct arena *memory) {
    size_t n = (size_t)s->count, words = (size_t)s->words, most = TRAIL_WORDS / (words + 2);
    s->placed = arena_array(memory, n, sizeof *s->placed);
    s->floor = arena_array(memory, n, sizeof *s->floor);
    s->size = arena_array(memory, n, sizeof *s->size);
    for (int i = 0; i < s->count; i++) s->size[i] = s->blocks[i].size;
    s->reason = arena_array(memory, n * words, sizeof *s->reason);
    s->conflict = arena_array(memory, words, sizeof *s->conflict);
    s->scratch = arena_array(memory, words, sizeof *s->scratch);
    s->trail_most = 16 * n * n < most ? 16 * n * n : most;
    s->trail = arena_array(memory, s->trail_most, sizeof *s->trail);
    s->trail_reason = arena_array(memory, s->trail_most * words, sizeof *s->trail_reason);
}

// Runs, one order after the other, until one ends by itself.
static enum arena_answer run(struct search *s, uint64_t nodes) {
    uint64_t most = FIRST_RUN + (uint64_t)s->count;
    for (int i = 0; nodes > 0; i++, most += most / 4) {
        uint64_t granted = most < nodes ? most : nodes;
        s->order = s->rank[i % ORDERS];
        s->weight = s->weights[i % ORDERS];
        s->nodes_left = granted;
        s->stopped = false;
        touch(s, 0, s->sections - 1);
        if (solve(s, 0)) return ARENA_FITS;
        if (!s->stopped) return ARENA_CANNOT_FIT;
        if (s->nodes_left > 0) break; // stopped for another limit
        nodes -= granted;
    }
    return ARENA_GAVE_UP;
}

enum arena_answer arena_search(struct arena_part *part, uint64_t capacity, uint64_t nodes,
                               struct arena_effort *effort) {
    struct arena memory = {0};
    struct search s = {.blocks = part->blocks, .count = part->count, .sections = part->sections};
    s.words = (part->count + 63) / 64, s.capacity = capacity, s.effort = effort;
    make_orders(&s, part, &memory);
    make_sections(&s, part, &memory);
    make_blocks(&s, &memory);
    enum arena_answer answer = run(&s, nodes);
    for (int i = 0; answer == ARENA_FITS && i < s.count; i++) s.blocks[i].offset = s.floor[i];
    arena_free(&memory);
    return answer;
}
