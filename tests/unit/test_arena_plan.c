// Memory planning on hand-made live ranges and on random ones.
#include "passes/arena_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint64_t align(uint64_t n, uint64_t a) { return (n + a - 1) / a * a; }

static uint32_t seed = 1;
static uint32_t random_below(uint32_t n) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

// What must hold of every plan.
static void check_plan(const struct arena_item *items, int count, uint64_t alignment, uint64_t size) {
    uint64_t top = 0;
    for (int i = 0; i < count; i++) {
        uint64_t end = items[i].offset + align(items[i].bytes, alignment);
        assert_int_equal(items[i].offset % alignment, 0);
        if (end > top) top = end;
        for (int k = 0; k < i; k++) {
            bool together = items[i].first <= items[k].last && items[k].first <= items[i].last;
            bool apart = items[i].offset + items[i].bytes <= items[k].offset ||
                         items[k].offset + items[k].bytes <= items[i].offset;
            assert_true(!together || apart);
        }
    }
    assert_int_equal(size, top);
}

// The sum alive at each moment, counted moment by moment.
static uint64_t bound_by_moments(const struct arena_item *items, int count, uint64_t alignment) {
    uint64_t most = 0;
    for (int t = -1; t < 200; t++) {
        uint64_t sum = 0;
        for (int i = 0; i < count; i++) {
            if (items[i].first <= t && t <= items[i].last) sum += align(items[i].bytes, alignment);
        }
        if (sum > most) most = sum;
    }
    return most;
}

static uint64_t plan(struct arena_item *items, int count, uint64_t alignment) {
    uint64_t size = arena_plan(items, count, alignment);
    check_plan(items, count, alignment, size);
    assert_int_equal(arena_lower_bound(items, count, alignment), bound_by_moments(items, count, alignment));
    assert_true(size >= arena_lower_bound(items, count, alignment));
    return size;
}

static void test_nothing(void **state) {
    (void)state;
    assert_int_equal(arena_plan(NULL, 0, 64), 0);
    assert_int_equal(arena_lower_bound(NULL, 0, 64), 0);
}

static void test_one(void **state) {
    (void)state;
    struct arena_item one[] = {{3, 5, 100, 7}};
    assert_int_equal(plan(one, 1, 64), 128);
    assert_int_equal(one[0].offset, 0);
}

// Apart in time: all share one place.
static void test_chain(void **state) {
    (void)state;
    struct arena_item items[] = {{0, 1, 64, 0}, {2, 3, 128, 0}, {4, 4, 64, 0}};
    assert_int_equal(plan(items, 3, 64), 128);
}

// Both ends of a range count: what ends at 1 and what begins at 1 are alive together.
static void test_touching_ranges(void **state) {
    (void)state;
    struct arena_item items[] = {{0, 1, 64, 0}, {1, 2, 64, 0}};
    assert_int_equal(plan(items, 2, 64), 128);
}

// Producer and consumer alive in pairs: x and y alternate.
static void test_ping_pong(void **state) {
    (void)state;
    struct arena_item items[16];
    for (int i = 0; i < 16; i++) items[i] = (struct arena_item){i, i + 1, i % 2 ? 300 : 200, 0};
    assert_int_equal(plan(items, 16, 4), 500);
}

// A long shortcut, with larger values coming and going beside it: it must lie at an edge.
static void test_shortcut(void **state) {
    (void)state;
    struct arena_item items[] = {
        {0, 9, 64, 0}, {1, 2, 640, 0}, {2, 3, 320, 0}, {3, 4, 640, 0}, {5, 6, 960, 0}};
    assert_int_equal(plan(items, 5, 64), 1024);
}

// Largest first puts A (4) below B (3); only when C and D are stacked right does everything fit into the bound of 7.
static void test_needs_another_order(void **state) {
    (void)state;
    struct arena_item items[] = {{0, 1, 256, 0}, {1, 3, 192, 0}, {2, 2, 128, 0},
                                 {2, 4, 128, 0}, {3, 4, 64, 0},  {4, 5, 256, 0}};
    assert_int_equal(plan(items, 6, 64), 448);
}

static void test_alignment(void **state) {
    (void)state;
    struct arena_item items[] = {{0, 1, 1, 0}, {0, 1, 65, 0}, {0, 1, 64, 0}, {0, 0, 0, 0}};
    assert_int_equal(plan(items, 4, 64), 256);
}

static void fill_random(struct arena_item *items, int count) {
    for (int i = 0; i < count; i++) {
        int first = (int)random_below(30), length = (int)random_below(random_below(4) ? 4 : 25);
        items[i] =
            (struct arena_item){first, first + length, random_below(5) ? 1 + random_below(2000) : 0, 99};
    }
}

static void test_random(void **state) {
    (void)state;
    struct arena_item items[60], again[60];
    for (int round = 0; round < 120; round++) {
        int count = 1 + (int)random_below(60);
        uint64_t alignment = 1u << random_below(8);
        fill_random(items, count);
        memcpy(again, items, sizeof items);
        uint64_t size = plan(items, count, alignment), bound = arena_lower_bound(items, count, alignment);
        assert_int_equal(arena_plan(again, count, alignment), size); // deterministic
        for (int i = 0; i < count; i++) assert_int_equal(items[i].offset, again[i].offset);
        assert_true(size <= bound + bound / 2); // and not far from what is possible
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_touching_ranges),
        cmocka_unit_test(test_ping_pong),
        cmocka_unit_test(test_shortcut),
        cmocka_unit_test(test_needs_another_order),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests_name("arena_plan", tests, NULL, NULL);
}
