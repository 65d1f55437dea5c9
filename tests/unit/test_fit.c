// The search for a plan that fits, with one plan for all settings: which of them are tried.
#include "compiler/fit.h"
#include "tests/unit/plan_example.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct plan plan;
    unsigned attempts;
    struct fit_setting last;
    bool broken;
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

static bool compile(void *context, struct fit *fit, const struct fit_setting *setting, struct error *err) {
    struct fixture *f = context;
    f->attempts++;
    f->last = *setting;
    if (f->broken) return error_set(err, ERROR_IO, "no file");
    return fit_check(fit, &f->plan, err);
}

static void test_fits(void **state) {
    struct fixture *f = *state;
    struct fit fit = {.limit = UINT64_MAX, .threads = 1};
    struct fit_plan found;
    struct error err = {0};
    double slower;
    assert_true(
        fit_search(&fit, &(struct fit_setting){.bands = IR_BANDS_AUTO}, compile, f, &found, &slower, &err));
    assert_int_equal(f->attempts, 1);
    assert_true(found.peak > 0 && found.setting.byte_price == 0 && slower == 1);
}

// The bytes that the message offers can be had, and no fewer.
static void test_least(void **state) {
    struct fixture *f = *state;
    struct fit fit = {.limit = 1, .threads = 1};
    struct fit_plan found;
    const struct fit_setting asked = {.bands = IR_BANDS_AUTO};
    struct error err = {0};
    double slower;
    assert_false(fit_search(&fit, &asked, compile, f, &found, &slower, &err));
    assert_int_equal(err.code, ERROR_UNSUPPORTED);
    const char *bytes = strstr(err.message, " (");
    assert_non_null(strstr(err.message, "the least is"));
    assert_non_null(bytes);
    fit.limit = strtoull(bytes + 2, NULL, 10);
    assert_true(fit_search(&fit, &asked, compile, f, &found, &slower, &err));
    assert_int_equal(found.peak, fit.limit);
    fit.limit--;
    assert_false(fit_search(&fit, &asked, compile, f, &found, &slower, &err));
}

// Bands and algorithms that were asked for are not exchanged.
static void test_asked(void **state) {
    struct fixture *f = *state;
    struct fit fit = {.limit = 1, .threads = 1};
    struct fit_plan found;
    struct error err = {0};
    double slower;
    assert_false(fit_search(&fit, &(struct fit_setting){.bands = IR_BANDS_NONE, .conv = "winograd2"}, compile,
                            f, &found, &slower, &err));
    assert_int_equal(f->last.bands, IR_BANDS_NONE);
    assert_string_equal(f->last.conv, "winograd2");
}

static void test_broken(void **state) {
    struct fixture *f = *state;
    struct fit fit = {.limit = UINT64_MAX, .threads = 1};
    struct fit_plan found;
    struct error err = {0};
    double slower;
    f->broken = true;
    assert_false(fit_search(&fit, &(struct fit_setting){0}, compile, f, &found, &slower, &err));
    assert_string_equal(err.message, "no file");
}

static void test_writes(void **state) {
    struct fixture *f = *state;
    struct fit fit = {.limit = UINT64_MAX, .threads = 1};
    struct error err = {0};
    assert_false(fit_check(&fit, &f->plan, &err)); // only looked at
    fit.write = true;
    assert_true(fit_check(&fit, &f->plan, &err));
    fit.limit = fit.peak - 1;
    assert_false(fit_check(&fit, &f->plan, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_least, setup, teardown),
        cmocka_unit_test_setup_teardown(test_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
