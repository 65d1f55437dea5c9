// What --tune measures, with a clock and a machine that are made up; and the file of times.
#include "compiler/tune.h"
#include "passes/conv_cost.h"
#include "tests/support/same_conv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static double now;      // of the clock
static unsigned runs;   // of convolutions
static double run_time; // on the clock, of each

static double fake_clock(void) { return now; }

// This machine is ten times slower than the model's, and slow with F(2,3) and F(4,3) over frames.
static bool fake_run(void *context, const struct plan_conv_shape *s, uint32_t algorithm, double *seconds,
                     struct error *err) {
    (void)context, (void)err;
    bool time = algorithm >= PLAN_CONV_WINOGRAD2_TIME2 && algorithm <= PLAN_CONV_WINOGRAD4_TIME4;
    *seconds = conv_cost(s, algorithm) * (time ? 100 : 10);
    now += run_time;
    runs++;
    return true;
}

enum { SMALL = 8, LARGE = 40 };

// Two shapes, the heavy one last.
static struct conv_choice *decide(struct arena *a, struct tune *t) {
    struct conv_choice *c =
        conv_choice_new(a, &(struct conv_choice_options){.measure = tune_measure, .context = t});
    struct plan_conv_shape small = same_conv_shape(SMALL, 64, 3), large = same_conv_shape(LARGE, 64, 3);
    struct error err = {0};
    conv_choice_add(c, a, &small, PLAN_STEADY);
    conv_choice_add(c, a, &large, PLAN_STEADY);
    if (!conv_choice_decide(c, &err)) fail_msg("%s", err.message);
    return c;
}

static struct tune new_tune(double budget, struct timing_cache *cache) {
    now = runs = 0;
    return (struct tune){
        .budget = budget, .threads = 2, .cache = cache, .run = fake_run, .clock = fake_clock};
}

static uint32_t chosen(const struct conv_choice *c, uint32_t size) {
    struct plan_conv_shape s = same_conv_shape(size, 64, 3);
    return conv_choice_of(c, &s);
}

static void test_all_measured(void **state) {
    (void)state;
    struct arena a = {0};
    struct tune t = new_tune(1000, NULL);
    run_time = 1;
    struct conv_choice *c = decide(&a, &t);
    assert_int_equal(chosen(c, LARGE), PLAN_CONV_WINOGRAD4); // by the model it is winograd4_time4
    assert_int_equal(t.measured, 2);
    assert_int_equal(t.modelled, 0);
    assert_int_equal(c->time_threads, 2);
    assert_true(t.spent == runs);
    for (uint32_t i = 0; i < c->shapes[1].candidate_count; i++) {
        const struct conv_candidate *k = &c->shapes[1].candidates[i];
        bool hopeless = k->algorithm == PLAN_CONV_DIRECT ||
                        k->algorithm == PLAN_CONV_IM2COL; // four times the least that is expected
        assert_int_equal(k->source, hopeless ? PLAN_TIME_MODEL : PLAN_TIME_MEASURED);
    }
    arena_free(&a);
}

// The heavy shape first; when time is up, the rest is the model's, in proportion.
static void test_budget(void **state) {
    (void)state;
    struct arena a = {0};
    struct tune t = new_tune(1.5, NULL);
    run_time = 1;
    struct conv_choice *c = decide(&a, &t);
    assert_int_equal(runs, 2); // one over
    assert_int_equal(t.measured, 1);
    assert_int_equal(t.modelled, 1);
    struct plan_conv_shape small = same_conv_shape(SMALL, 64, 3);
    const struct conv_shape_choice *s = conv_choice_find(c, &small);
    for (uint32_t i = 0; i < s->candidate_count; i++) {
        double ratio = s->candidates[i].seconds / conv_cost(&small, s->candidates[i].algorithm);
        assert_int_equal(s->candidates[i].source, PLAN_TIME_MODEL);
        assert_true(ratio > 9.99 && ratio < 10.01);
    }
    arena_free(&a);
}

// ---- the cache

static char path[64];
static const struct timing_key key = {"a CPU", 0x1234, 2}, other = {"another CPU", 0x1234, 2};

static int setup(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/wanc-test-timing-%ld.json", (long)getpid());
    unlink(path);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    unlink(path);
    return 0;
}

static struct timing_cache *open_cache(const struct timing_key *k) {
    struct error err = {0};
    struct timing_cache *c = timing_cache_open(path, k, &err);
    if (c == NULL) fail_msg("%s", err.message);
    return c;
}

static void test_cache(void **state) {
    (void)state;
    struct plan_conv_shape s = same_conv_shape(SMALL, 64, 3), t = same_conv_shape(LARGE, 64, 3);
    struct error err = {0};
    double seconds = 0;
    struct timing_cache *c = open_cache(&key);
    assert_false(timing_cache_get(c, &s, PLAN_CONV_DIRECT, &seconds));
    assert_true(timing_cache_save(c, &err)); // nothing to save
    assert_int_equal(access(path, F_OK), -1);
    assert_true(timing_cache_put(c, &s, PLAN_CONV_DIRECT, 0.25));
    assert_true(timing_cache_save(c, &err));
    timing_cache_close(c);
    c = open_cache(&other);
    assert_false(timing_cache_get(c, &s, PLAN_CONV_DIRECT, &seconds)); // of another machine
    assert_true(timing_cache_put(c, &s, PLAN_CONV_WINOGRAD2, 0.5));
    assert_true(timing_cache_save(c, &err));
    timing_cache_close(c);
    c = open_cache(&key); // and still there
    assert_true(timing_cache_get(c, &s, PLAN_CONV_DIRECT, &seconds));
    assert_true(seconds == 0.25);
    assert_false(timing_cache_get(c, &s, PLAN_CONV_WINOGRAD2, &seconds));
    assert_false(timing_cache_get(c, &t, PLAN_CONV_DIRECT, &seconds));
    timing_cache_close(c);
}

static void test_cache_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "nothing",
        "{}",
        "[]",
        "{\"timing_cache\": 2, \"machines\": []}",
        "{\"timing_cache\": 1}",
        "{\"timing_cache\": 1, \"machines\": [1]}",
        "{\"timing_cache\": 1, \"machines\": [{\"cpu\": 1, \"layout\": \"\", \"threads\": 2, \"seconds\": "
        "{}}]}",
        "{\"timing_cache\": 1, \"machines\": [{\"cpu\": \"x\", \"layout\": \"\", \"threads\": 2, "
        "\"seconds\": {\"s\": 1}}]}",
        "{\"timing_cache\": 1, \"machines\": [{\"cpu\": \"x\", \"layout\": \"\", \"threads\": 2, "
        "\"seconds\": {\"s\": {\"direct\": -1.0}}}]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        FILE *f = fopen(path, "w");
        fputs(bad[i], f);
        fclose(f);
        assert_null(timing_cache_open(path, &key, &err));
        if (strstr(err.message, path) == NULL || strstr(err.message, "timing cache") == NULL)
            fail_msg("%s: %s", bad[i], err.message);
    }
}

// What is known is not measured again.
static void test_tune_with_cache(void **state) {
    (void)state;
    struct arena a = {0};
    struct timing_cache *c = open_cache(&key);
    struct tune t = new_tune(1000, c);
    uint32_t first = chosen(decide(&a, &t), LARGE);
    t = new_tune(1000, c);
    assert_int_equal(chosen(decide(&a, &t), LARGE), first);
    assert_int_equal(runs, 0);
    assert_int_equal(t.cached, 2);
    timing_cache_close(c);
    arena_free(&a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_all_measured), TEST(test_budget), TEST(test_cache),
                                       TEST(test_cache_is_refused), TEST(test_tune_with_cache)};
    return cmocka_run_group_tests_name("tune", tests, NULL, NULL);
}
