// Sections: of all moments, those matter at which a set of items is alive that is part of no other moment's.
// Such a moment is the end of an item that no other end precedes since the last beginning:
//
//     a  ----            sections 0: a b      1: b c d
//     b    ------        (the moments at which only a, only b, or b and d are alive add nothing)
//     c         --
//     d        -----
//
// Every item is alive in a range of sections, and two items overlap in time if and only if they share a section.
// Where no item is alive in two sections that follow each other, time falls into independent parts.
#include "passes/arena_parts.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>

static int compare_ints(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return x < y ? -1 : x > y;
}

// The moments of the sections, ascending. `times` holds room for three times `count`.
static int find_sections(const struct arena_block *blocks, int count, int *times) {
    int *firsts = times + count, *lasts = times + 2 * count, sections = 0;
    for (int i = 0; i < count; i++) firsts[i] = blocks[i].first, lasts[i] = blocks[i].last;
    qsort(firsts, (size_t)count, sizeof *firsts, compare_ints);
    qsort(lasts, (size_t)count, sizeof *lasts, compare_ints);
    for (int begun = 0, ended = 0; begun < count;) {
        while (begun < count && firsts[begun] <= lasts[ended]) begun++;
        times[sections++] = lasts[ended];
        while (begun < count && ended < count && lasts[ended] < firsts[begun]) ended++;
    }
    return sections;
}

// The first of the ascending `times` that is not below `t`.
static int section_at(const int *times, int sections, int t) {
    int low = 0, high = sections;
    while (low < high) {
        int middle = (low + high) / 2;
        if (times[middle] < t) low = middle + 1;
        else high = middle;
    }
    return low;
}

static int compare_blocks(const void *a, const void *b) {
    const struct arena_block *x = a, *y = b;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : x->item < y->item ? -1 : 1;
}

// Takes a part's blocks, which begin at `blocks`: all that overlap, directly or by others.
static struct arena_part take_part(struct arena_block *blocks, int count, struct arena *memory) {
    struct arena_part p = {.blocks = blocks};
    int begin = blocks[0].first, end = begin; // sections
    while (p.count < count && blocks[p.count].first <= end) {
        struct arena_block *b = &blocks[p.count++];
        if (b->last > end) end = b->last;
        b->first -= begin;
        b->last -= begin;
    }
    p.sections = end - begin + 1;
    p.sums = arena_array(memory, (size_t)p.sections, sizeof *p.sums);
    for (int i = 0; i < p.count; i++) {
        for (int k = blocks[i].first; k <= blocks[i].last; k++) {
            if (!size_add(p.sums[k], blocks[i].size, &p.sums[k])) p.sums[k] = UINT64_MAX;
            if (p.sums[k] > p.bound) p.bound = p.sums[k];
        }
    }
    return p;
}

struct arena_parts arena_parts_of(const struct arena_item *items, int count, uint64_t alignment,
                                  struct arena *memory) {
    size_t room = (size_t)count + 1;
    struct arena_block *blocks = arena_array(memory, room, sizeof *blocks);
    int used = 0, *times = arena_array(memory, 3 * room, sizeof *times);
    for (int i = 0; i < count; i++) {
        if (items[i].bytes == 0) continue;
        uint64_t units = items[i].bytes / alignment + (items[i].bytes % alignment != 0);
        blocks[used++] = (struct arena_block){items[i].first, items[i].last, i, units, 0};
    }
    int sections = find_sections(blocks, used, times);
    for (int i = 0; i < used; i++) {
        blocks[i].first = section_at(times, sections, blocks[i].first);
        bool within = blocks[i].last < INT32_MAX;
        blocks[i].last = (within ? section_at(times, sections, blocks[i].last + 1) : sections) - 1;
    }
    qsort(blocks, (size_t)used, sizeof *blocks, compare_blocks);
    struct arena_parts parts = {arena_array(memory, room, sizeof *parts.parts), 0};
    for (int i = 0; i < used; i += parts.parts[parts.count++].count)
        parts.parts[parts.count] = take_part(blocks + i, used - i, memory);
    return parts;
}
