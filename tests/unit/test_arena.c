// Arenas and their scopes: what they count, and where a thread goes on when a limit is passed.
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const size_t mib = 1 << 20;

typedef void work(struct arena *a);

// Whether the work came to an end.
static bool run(struct arena_scope *scope, work *f, struct arena *a) {
    if (setjmp(*arena_scope_enter(scope)) != 0) return false;
    f(a);
    return true;
}

static void take_four(struct arena *a) {
    for (int i = 0; i < 4; i++) arena_alloc(a, mib);
}

static void take_and_free(struct arena *a) {
    for (int i = 0; i < 100; i++) {
        arena_alloc(a, mib);
        arena_free(a);
    }
}

static void take_all(struct arena *a) { arena_array(a, SIZE_MAX / 2, 4); }
static void take_nearly_all(struct arena *a) { arena_alloc(a, SIZE_MAX - 100); }

static void test_limit(void **state) {
    (void)state;
    struct arena a = {0};
    struct arena_scope scope = {.limit = 5 * mib};
    assert_true(run(&scope, take_four, &a));
    assert_true(scope.bytes >= 4 * mib && scope.bytes < 5 * mib && scope.most == scope.bytes);
    arena_free(&a);
    assert_int_equal(scope.bytes, 0);
    arena_scope_leave(&scope);
    scope.limit = 3 * mib;
    assert_false(run(&scope, take_four, &a));
    assert_true(scope.exceeded && scope.bytes <= scope.limit);
    arena_scope_leave(&scope); // frees what is left
    assert_int_equal(scope.bytes, 0);
    a = (struct arena){0};
    assert_true(run(&scope, take_and_free, &a));
    assert_false(scope.exceeded);
    arena_scope_leave(&scope);
}

// What an inner scope takes counts for the one around it.
static struct arena_scope inner;
static void take_inside(struct arena *a) {
    inner = (struct arena_scope){0};
    (void)!setjmp(*arena_scope_enter(&inner));
    take_four(a);
    arena_scope_leave(&inner);
    *a = (struct arena){0};
}

static void test_scopes(void **state) {
    (void)state;
    struct arena a = {0};
    struct arena_scope scope = {.limit = 5 * mib};
    assert_true(run(&scope, take_inside, &a));
    assert_int_equal(scope.bytes, 0);
    assert_true(scope.most >= 4 * mib);
    arena_scope_leave(&scope);
}

static void test_overflow(void **state) {
    (void)state;
    struct arena a = {0};
    struct arena_scope scope = {0};
    work *const works[] = {take_all, take_nearly_all};
    for (int i = 0; i < 2; i++) {
        assert_false(run(&scope, works[i], &a));
        assert_false(scope.exceeded); // there is no such memory
        arena_scope_leave(&scope);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_limit), cmocka_unit_test(test_scopes),
                                       cmocka_unit_test(test_overflow)};
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
