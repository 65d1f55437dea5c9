// Memory planning where first fit is not enough: optima known by hand or by trying everything, and the limits.
#include "passes/arena_plan.h"
#include "passes/arena_search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint32_t seed = 1;
static uint32_t random_below(uint32_t n) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 16) * (uint64_t)n >> 16;
}

static bool alive_together(const struct arena_item *a, const struct arena_item *b) {
    return a->first <= b->last && b->first <= a->last;
}

static void check_apart(const struct arena_item *items, int count, uint64_t size) {
    for (int i = 0; i < count; i++) {
        assert_true(items[i].offset + items[i].bytes <= size);
        for (int k = 0; k < i; k++) {
            bool apart = items[i].offset + items[i].bytes <= items[k].offset ||
                         items[k].offset + items[k].bytes <= items[i].offset;
            assert_true(!alive_together(&items[i], &items[k]) || apart);
        }
    }
}

static uint64_t first_fit_only(struct arena_item *items, int count) {
    uint64_t size = arena_plan_within(items, count, 1, (struct arena_limits){0}, NULL);
    check_apart(items, count, size);
    return size;
}

// ---- independent of the planner: every order of the items, each placed first fit. One of them is the best placement,
// sorted by offset.

static uint64_t lowest_gap(const struct arena_item *items, const int *order, const uint64_t *offset, int k) {
    const struct arena_item *a = &items[order[k]];
    uint64_t at = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int j = 0; j < k; j++) {
            const struct arena_item *b = &items[order[j]];
            if (!alive_together(a, b) || at >= offset[j] + b->bytes || offset[j] >= at + a->bytes) continue;
            at = offset[j] + b->bytes;
            moved = true;
        }
    }
    return at;
}

// The smallest size below `best` of all orders that begin with the first `placed` of `order`, else `best`.
static uint64_t best_of_orders(const struct arena_item *items, int count, int *order, uint64_t *offset,
                               int placed, uint64_t top, uint64_t best) {
    if (placed == count) return top;
    for (int i = placed; i < count; i++) {
        int t = order[placed];
        order[placed] = order[i], order[i] = t;
        offset[placed] = lowest_gap(items, order, offset, placed);
        uint64_t end = offset[placed] + items[order[placed]].bytes;
        if (end < top) end = top;
        if (end < best) best = best_of_orders(items, count, order, offset, placed + 1, end, best);
        order[i] = order[placed], order[placed] = t;
    }
    return best;
}

// The smallest size, if it is below `below`, else that.
static uint64_t optimum(const struct arena_item *items, int count, uint64_t below) {
    int order[12];
    uint64_t offset[12];
    for (int i = 0; i < count; i++) order[i] = i;
    return best_of_orders(items, count, order, offset, 0, 0, below);
}

// ---- cases

// At moment 4 are alive a (1), c (2) and e (4), at moment 1 b (3) and d (4): 7 is the least. Large first puts d and e at
// 0, b on d, c on b, which makes 9, and the other fixed orders do no better. What is needed: e below c below a, and
// b below d.
static void test_first_fit_fails(void **state) {
    (void)state;
    struct arena_item items[] = {{4, 4, 1, 0}, {1, 3, 3, 0}, {3, 5, 2, 0}, {1, 1, 4, 0}, {4, 6, 4, 0}};
    struct arena_statistics statistics;
    assert_int_equal(first_fit_only(items, 5), 9);
    assert_int_equal(arena_plan(items, 5, 1), 7);
    check_apart(items, 5, 7);
    arena_plan_within(items, 5, 1, (struct arena_limits){.effort = 100000}, &statistics);
    assert_true(statistics.optimal && statistics.bound == 7 && statistics.nodes > 0);
}

static struct arena_item above_bound[] = {{3, 3, 2, 0}, {0, 3, 2, 0}, {0, 0, 4, 0}, {0, 1, 1, 0},
                                          {1, 4, 2, 0}, {2, 2, 3, 0}, {5, 7, 3, 0}, {5, 7, 3, 0},
                                          {4, 4, 4, 0}, {3, 6, 1, 0}};

// No moment needs more than 7, and yet nothing below 8 is possible: all orders say so, and the search proves it.
static void test_above_the_lower_bound(void **state) {
    (void)state;
    struct arena_statistics statistics;
    assert_int_equal(arena_lower_bound(above_bound, 10, 1), 7);
    assert_int_equal(optimum(above_bound, 10, UINT64_MAX), 8);
    uint64_t size =
        arena_plan_within(above_bound, 10, 1, (struct arena_limits){.effort = 100000}, &statistics);
    assert_int_equal(size, 8);
    check_apart(above_bound, 10, 8);
    assert_true(statistics.optimal);
    assert_int_equal(statistics.bound, 8);
}

static void test_answers(void **state) {
    (void)state;
    struct arena memory = {0};
    struct arena_parts parts = arena_parts_of(above_bound, 10, 1, &memory);
    assert_int_equal(parts.count, 1);
    struct arena_effort effort = {.steps = 100000};
    assert_int_equal(arena_search(parts.parts, 7, 100000, &effort), ARENA_CANNOT_FIT);
    assert_int_equal(arena_search(parts.parts, 8, 100000, &effort), ARENA_FITS);
    assert_int_equal(arena_search(parts.parts, 7, 2, &effort), ARENA_GAVE_UP);
    effort.steps = 3;
    assert_int_equal(arena_search(parts.parts, 7, 100000, &effort), ARENA_GAVE_UP);
    arena_free(&memory);
}

// Whoever is alive at the end of one stretch is gone before the next begins.
static void test_parts(void **state) {
    (void)state;
    struct arena_item items[] = {{9, 9, 5, 0},  {0, 4, 64, 0}, {5, 8, 64, 0}, {2, 3, 10, 0},
                                 {4, 4, 65, 0}, {6, 6, 0, 0},  {8, 9, 1, 0}};
    struct arena memory = {0};
    struct arena_parts parts = arena_parts_of(items, 7, 64, &memory);
    assert_int_equal(parts.count, 2);
    assert_int_equal(parts.parts[0].count, 3);
    assert_int_equal(parts.parts[0].sections, 2); // at 3: items 1 and 3; at 4: items 1 and 4
    assert_int_equal(parts.parts[0].sums[0], 2);
    assert_int_equal(parts.parts[0].sums[1], 3);
    assert_int_equal(parts.parts[1].count, 3); // without the one of no bytes
    assert_int_equal(parts.parts[1].sections, 2);
    assert_int_equal(parts.parts[1].bound, 2);
    arena_free(&memory);
}

static void test_small_ones_are_optimal(void **state) {
    (void)state;
    for (int round = 0; round < 400; round++) {
        struct arena_item items[7];
        struct arena_statistics statistics;
        int count = 5 + (int)random_below(3);
        for (int i = 0; i < count; i++) {
            int first = (int)random_below(5);
            items[i] = (struct arena_item){first, first + (int)random_below(3), 1 + random_below(5), 0};
        }
        uint64_t best = optimum(items, count, UINT64_MAX);
        uint64_t size =
            arena_plan_within(items, count, 1, (struct arena_limits){.effort = 100000}, &statistics);
        check_apart(items, count, size);
        assert_int_equal(size, best);
        assert_true(statistics.optimal);
        assert_int_equal(statistics.bound, best);
    }
}

// A full rectangle of time and memory, cut at random: every moment is full, so that its height is the optimum.
static int cut(struct arena_item *items, int count, int first, int last, uint64_t bytes, int cuts) {
    bool in_time = random_below(2) && last > first;
    if (cuts == 0 || (!in_time && bytes < 2)) {
        items[count] = (struct arena_item){first, last, bytes, 0};
        return count + 1;
    }
    if (in_time) {
        int middle = first + (int)random_below((uint32_t)(last - first));
        count = cut(items, count, first, middle, bytes, cuts - 1);
        return cut(items, count, middle + 1, last, bytes, cuts - 1);
    }
    uint64_t lower = 1 + random_below((uint32_t)bytes - 1);
    count = cut(items, count, first, last, lower, cuts - 1);
    return cut(items, count, first, last, bytes - lower, cuts - 1);
}

// What the search alone says of items in one part.
static enum arena_answer answer_to(const struct arena_item *items, int count, uint64_t capacity) {
    struct arena memory = {0};
    struct arena_parts parts = arena_parts_of(items, count, 1, &memory);
    struct arena_effort effort = {.steps = 20000000};
    enum arena_answer answer = ARENA_FITS;
    for (int i = 0; i < parts.count && answer == ARENA_FITS; i++)
        answer = arena_search(&parts.parts[i], capacity, 1000000, &effort);
    arena_free(&memory);
    return answer;
}

static void shuffle(struct arena_item *items, int count) {
    for (int i = count - 1; i > 0; i--) {
        int k = (int)random_below((uint32_t)i + 1);
        struct arena_item t = items[i];
        items[i] = items[k], items[k] = t;
    }
}

static void test_full_rectangles(void **state) {
    (void)state;
    static struct arena_item items[64];
    int searched = 0;
    for (int round = 0; round < 20; round++) {
        struct arena_statistics statistics;
        int count = cut(items, 0, 0, 99, 1000, 6);
        shuffle(items, count);
        assert_int_equal(arena_lower_bound(items, count, 1), 1000);
        searched += first_fit_only(items, count) > 1000;
        uint64_t size =
            arena_plan_within(items, count, 1, (struct arena_limits){.effort = 20000000}, &statistics);
        check_apart(items, count, size);
        assert_int_equal(size, 1000);
        assert_true(statistics.optimal);
    }
    assert_true(searched > 10); // else this tests nothing
}

// What fits is never said not to.
static void test_small_rectangles(void **state) {
    (void)state;
    struct arena_item items[64];
    for (int round = 0; round < 2000; round++) {
        uint64_t height = round % 2 ? 12 + random_below(100) : 65000;
        int count = cut(items, 0, 0, 9 + (int)random_below(60), height, 4 + round % 3);
        shuffle(items, count);
        assert_int_not_equal(answer_to(items, count, height), ARENA_CANNOT_FIT);
    }
}

// Only those that first fit does not solve: for these the search says by itself whether the bound is possible.
static void test_bound_or_not(void **state) {
    (void)state;
    struct arena_item items[12];
    int count = 8, searched = 0;
    for (int round = 0; searched < 400; round++) {
        for (int i = 0; i < count; i++) {
            int first = (int)random_below(5);
            items[i] = (struct arena_item){first, first + (int)random_below(4), 1 + random_below(4), 0};
        }
        uint64_t bound = arena_lower_bound(items, count, 1);
        if (first_fit_only(items, count) == bound) continue;
        searched++;
        bool fits = optimum(items, count, bound + 1) == bound;
        assert_int_equal(answer_to(items, count, bound), fits ? ARENA_FITS : ARENA_CANNOT_FIT);
    }
}

// Too many pieces for so little effort: it ends, with what was found.
static void test_effort_ends(void **state) {
    (void)state;
    static struct arena_item items[512];
    for (int round = 0; round < 5; round++) {
        int count = cut(items, 0, 0, 299, 1000000, 9);
        shuffle(items, count);
        uint64_t without = first_fit_only(items, count);
        uint64_t size = arena_plan_within(items, count, 1, (struct arena_limits){.effort = 1000000}, NULL);
        check_apart(items, count, size);
        assert_true(size >= 1000000 && size <= without);
    }
}

static void test_enough(void **state) {
    (void)state;
    struct arena_statistics statistics;
    struct arena_limits limits = {.effort = 100000, .enough = 9};
    uint64_t size = arena_plan_within(above_bound, 10, 1, limits, &statistics);
    assert_true(size == 8 || size == 9);
    limits.enough = 100;
    size = arena_plan_within(above_bound, 10, 1, limits, &statistics);
    assert_int_equal(size, first_fit_only(above_bound, 10));
    assert_int_equal(statistics.nodes, 0);
    assert_int_equal(statistics.bound, 7);
}

// More effort may give a better plan and never a worse one.
static void test_many(void **state) {
    (void)state;
    static struct arena_item items[3000], again[3000];
    for (int count = 300; count <= 3000; count *= 10) { // the larger one is beyond what is searched
        for (int i = 0; i < count; i++) {
            int first = (int)random_below(1000);
            items[i] = (struct arena_item){first, first + (int)random_below(60), random_below(1 << 20), 99};
        }
        memcpy(again, items, sizeof items);
        uint64_t without = first_fit_only(items, count), size = arena_plan(items, count, 64);
        check_apart(items, count, size);
        assert_true(size >= arena_lower_bound(items, count, 64));
        assert_true(arena_plan_within(items, count, 1, (struct arena_limits){.effort = 5000000}, NULL) <=
                    without);
        assert_int_equal(arena_plan(again, count, 64), size); // deterministic
        arena_plan(items, count, 64);
        for (int i = 0; i < count; i++) assert_int_equal(items[i].offset, again[i].offset);
    }
}

static void test_huge_sizes(void **state) {
    (void)state;
    uint64_t huge = 1ull << 60;
    struct arena_item few[] = {{0, 1, huge - 1, 0}, {1, 2, huge + 5, 0}, {0, 2, 7, 0}};
    assert_int_equal(arena_plan(few, 3, 1), 2 * huge + 11);
    check_apart(few, 3, 2 * huge + 11);
    assert_int_equal(arena_plan(few, 3, 64), 2 * huge + 128);
    struct arena_item many[20];
    for (int i = 0; i < 20; i++) many[i] = (struct arena_item){0, 0, huge, 0};
    assert_int_equal(arena_plan(many, 15, 1), 15 * huge);
    check_apart(many, 15, 15 * huge);
    assert_true(arena_plan(many, 20, 64) == UINT64_MAX); // 20 * 2^60 are too many
    assert_true(arena_lower_bound(many, 20, 64) == UINT64_MAX);
    many[0].bytes = UINT64_MAX;
    assert_true(arena_plan(many, 1, 64) == UINT64_MAX); // rounded up
    assert_true(arena_plan(many, 1, 1) == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_fit_fails),
        cmocka_unit_test(test_above_the_lower_bound),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_small_ones_are_optimal),
        cmocka_unit_test(test_full_rectangles),
        cmocka_unit_test(test_small_rectangles),
        cmocka_unit_test(test_bound_or_not),
        cmocka_unit_test(test_effort_ends),
        cmocka_unit_test(test_enough),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_huge_sizes),
    };
    return cmocka_run_group_tests_name("arena_search", tests, NULL, NULL);
}
