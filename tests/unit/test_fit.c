// The search for a plan that fits, with one plan for all prices: which of its attempts are written.
#include "compiler/fit.h"
#include "tests/unit/plan_example.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct plan plan;
    unsigned attempts, written;
    bool disk_full;
};

static int setup(void **state) {
    static struct fixture fixture;
    struct error err = {0};
    fixture = (struct fixture){0};
    *state = &fixture;
    return plan_writer_open(make_plan(&fixture.arena, 2, true), &fixture.plan, &err) ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    plan_close(&f->plan);
    arena_free(&f->arena);
    return 0;
}

static bool compile(void *context, struct fit *fit, struct error *err) {
    struct fixture *f = context;
    f->attempts++;
    if (!fit_check(fit, &f->plan, err)) return false;
    if (f->disk_full) return error_set(err, ERROR_IO, "no space");
    f->written++;
    return true;
}

static void test_fits(void **state) {
    struct fixture *f = *state;
    struct fit fit = {.limit = UINT64_MAX, .threads = 1};
    struct error err = {0};
    double cost;
    assert_true(fit_search(&fit, compile, f, &cost, &err));
    assert_int_equal(f->attempts, 2);
    assert_int_equal(f->written, 1);
    assert_true(fit.last && fit.peak > 0 && cost == 1);
}

static void test_does_not_fit(void **state) {
    struct fixture *f = *state;
    struct fit fit = {.limit = 1, .threads = 1};
    struct error err = {0};
    double cost;
    assert_false(fit_search(&fit, compile, f, &cost, &err));
    assert_int_equal(f->written, 0);
    assert_int_equal(err.code, ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "the least is"));
}

// What is wrong with the last plan is said, though it fits.
static void test_not_written(void **state) {
    struct fixture *f = *state;
    struct fit fit = {.limit = UINT64_MAX, .threads = 1};
    struct error err = {0};
    double cost;
    f->disk_full = true;
    assert_false(fit_search(&fit, compile, f, &cost, &err));
    assert_string_equal(err.message, "no space");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_does_not_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_written, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
