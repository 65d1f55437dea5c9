// The search for a plan that fits: with one plan for all settings, and with invented ones.
#include "compiler/fit.h"
#include "tests/unit/plan_example.h"

#include <math.h>
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
    (void)setting;
    f->attempts++;
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

// ---- which setting is found, among invented ones

// What a setting takes, in bytes and seconds; false: no plan, an error.
typedef bool invented(const struct fit_setting *s, uint64_t *peak, double *seconds);

struct invention {
    invented *plan;
    unsigned attempts;
    uint64_t most; // of all that were looked at
};

static bool compile_invented(void *context, struct fit *fit, const struct fit_setting *setting,
                             struct error *err) {
    struct invention *i = context;
    i->attempts++;
    fit->seen = false;
    if (!i->plan(setting, &fit->peak, &fit->seconds)) return error_set(err, ERROR_UNSUPPORTED, "too rough");
    fit->seen = true;
    if (fit->peak > i->most) i->most = fit->peak;
    return error_set(err, ERROR_CANCELLED, "one on the way");
}

// What is found under a limit, with 8 threads; `slower` is not 0 if there is something.
static struct fit_plan find(invented *plan, struct fit_setting asked, uint64_t limit, double *slower,
                            struct error *err) {
    struct invention i = {.plan = plan};
    struct fit fit = {.limit = limit, .threads = 8};
    struct fit_plan found = {0};
    *slower = 0;
    if (!fit_search(&fit, &asked, compile_invented, &i, &found, slower, err)) return found;
    assert_true(found.peak <= limit);
    return found;
}

static struct fit_plan must_find(invented *plan, uint64_t limit, double *slower) {
    struct error err = {0};
    struct fit_plan found = find(plan, (struct fit_setting){.bands = IR_BANDS_AUTO}, limit, slower, &err);
    assert_true(*slower > 0);
    return found;
}

static bool is(const char *conv, const char *name) { return conv != NULL && strcmp(conv, name) == 0; }

// Prices from 1e-12 to 1e-7 take 1000 bytes to none, and one second to two.
static double dearness(double price) { return fmin(1, fmax(0, (log10(fmax(price, 1e-30)) + 12) / 5)); }

static bool by_price(const struct fit_setting *s, uint64_t *peak, double *seconds) {
    double dear = dearness(s->byte_price);
    *peak = (uint64_t)(1000 + 1000 * (1 - dear)) + (s->bands == IR_BANDS_LEAST ? 0 : 500);
    *seconds = 1 + dear;
    return true;
}

static void test_order(void **state) {
    (void)state;
    double slower;
    struct fit_plan found = must_find(by_price, 2500, &slower);
    assert_true(found.setting.bands == IR_BANDS_AUTO && found.setting.byte_price == 0 && slower == 1);
    found = must_find(by_price, 2499, &slower);
    assert_true(found.setting.bands == IR_BANDS_LEAST && found.setting.byte_price == 0 && slower == 1);
    found = must_find(by_price, 1400, &slower); // dearness 0.6, and what halving leaves
    assert_true(slower >= 1.6 && slower < 1.65);
    found = must_find(by_price, 1000, &slower);
    assert_true(slower == 2);
}

// A byte of slack saves a thousandth of a second; in the second case it takes two.
static bool by_slack(const struct fit_setting *s, uint64_t *peak, double *seconds) {
    bool dear = s->byte_price > 1e-10;
    *peak = (dear ? 1000 : 2000) + (uint64_t)s->byte_slack;
    *seconds = (dear ? 2 : 1) - s->byte_slack / 1000;
    return true;
}

static bool by_dear_slack(const struct fit_setting *s, uint64_t *peak, double *seconds) {
    return by_slack(s, peak, seconds) && ((*peak += (uint64_t)s->byte_slack), true);
}

static void test_spends(void **state) {
    (void)state;
    double slower;
    struct fit_plan found = must_find(by_slack, 1600, &slower);
    assert_true(found.peak == 1600 && fabs(slower - 1.4) < 1e-9);
    found = must_find(by_dear_slack, 1600, &slower);
    assert_true(found.peak == 1600 && fabs(slower - 1.7) < 1e-9);
}

// Each way fits alone; with all there are, the fastest is taken.
static bool with_blocks(const struct fit_setting *s, uint64_t *peak, double *seconds) {
    bool blocks = is(s->conv, "blocks") && s->byte_price > 0;
    *peak = blocks ? 100 : 1000, *seconds = blocks ? 3 : 1;
    return true;
}

static bool with_all(const struct fit_setting *s, uint64_t *peak, double *seconds) {
    bool blocks = is(s->conv, "blocks"), dear = s->byte_price > 0;
    *peak = !dear ? 1000 : blocks ? 90 : 100, *seconds = !dear ? 1 : blocks ? 3 : 2;
    return true;
}

static bool with_one_thread(const struct fit_setting *s, uint64_t *peak, double *seconds) {
    *peak = s->threads == 1 ? 100 : 1000, *seconds = s->threads == 1 ? 3 : 1;
    return true;
}

static bool with_direct(const struct fit_setting *s, uint64_t *peak, double *seconds) {
    if (is(s->conv, "im2col")) return false; // more exact ones were asked for: nothing that ends the search
    *peak = is(s->conv, "direct") ? 100 : 1000, *seconds = is(s->conv, "direct") ? 3 : 1;
    return true;
}

static void test_ways(void **state) {
    (void)state;
    double slower;
    assert_string_equal(must_find(with_blocks, 100, &slower).setting.conv, "blocks");
    assert_null(must_find(with_all, 100, &slower).setting.conv);
    assert_true(slower == 2);
    assert_int_equal(must_find(with_one_thread, 100, &slower).setting.threads, 1);
    assert_string_equal(must_find(with_direct, 100, &slower).setting.conv, "direct");
}

static bool nothing_else(const struct fit_setting *s, uint64_t *peak, double *seconds) {
    assert_true(s->bands == IR_BANDS_NONE && is(s->conv, "winograd2"));
    *peak = s->byte_price > 0 ? 150 : 200, *seconds = 1;
    return true;
}

// Bands and algorithms that were asked for are not exchanged; what is said is the least of what was tried.
static void test_asked(void **state) {
    (void)state;
    double slower;
    struct error err = {0};
    find(nothing_else, (struct fit_setting){.bands = IR_BANDS_NONE, .conv = "winograd2"}, 100, &slower, &err);
    assert_true(slower == 0);
    assert_non_null(strstr(err.message, "the least is 150 B (150 bytes), with 8 threads"));
}

static bool no_plan(const struct fit_setting *s, uint64_t *peak, double *seconds) {
    (void)s, (void)peak, (void)seconds;
    return false;
}

// What was asked for has an error of its own.
static void test_no_plan(void **state) {
    (void)state;
    double slower;
    struct error err = {0};
    find(no_plan, (struct fit_setting){.bands = IR_BANDS_AUTO}, 100, &slower, &err);
    assert_true(slower == 0);
    assert_string_equal(err.message, "too rough");
}

// ---- plans

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
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_spends),
        cmocka_unit_test(test_ways),
        cmocka_unit_test(test_asked),
        cmocka_unit_test(test_no_plan),
        cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
