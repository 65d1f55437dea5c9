// The choice among algorithms: by invented times, against every combination tried out, and against numbers made by hand.
#include "passes/conv_choice.h"
#include "passes/conv_cost.h"
#include "passes/conv_error.h"
#include "passes/pass.h"
#include "tests/support/same_conv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

// ---- fixtures

static struct plan_conv_shape shape(uint32_t channels, uint32_t taps) {
    return same_conv_shape(8, channels, taps);
}

// Seconds of each algorithm: the rougher, the faster; of a shape, in proportion to its input channels.
static const double seconds_of[PLAN_CONV_ALGORITHMS] = {
    [PLAN_CONV_DIRECT] = 9,          [PLAN_CONV_WINOGRAD2] = 5,
    [PLAN_CONV_WINOGRAD4] = 4,       [PLAN_CONV_WINOGRAD2_TIME2] = 4.5,
    [PLAN_CONV_WINOGRAD4_TIME2] = 3, [PLAN_CONV_WINOGRAD4_TIME4] = 2,
    [PLAN_CONV_IM2COL] = 8,
};

static bool invented(void *context, const struct plan_conv_shape *s, uint32_t algorithm, double *seconds,
                     struct error *err) {
    int *calls = context;
    (void)err;
    ++*calls;
    *seconds = seconds_of[algorithm] * s->in;
    return true;
}

static bool failing(void *context, const struct plan_conv_shape *s, uint32_t algorithm, double *seconds,
                    struct error *err) {
    (void)context, (void)s, (void)algorithm, (void)seconds;
    return error_set(err, ERROR_IO, "no clock");
}

struct fixture {
    struct arena arena;
    struct conv_choice *choice;
    struct error err;
    int calls;
};

static void open_choice(struct fixture *f, const char *conv, double max_error) {
    struct conv_choice_options o = {
        .conv = conv, .max_error = max_error, .seconds = invented, .context = &f->calls};
    *f = (struct fixture){0};
    f->choice = conv_choice_new(&f->arena, &o);
}

static void add(struct fixture *f, struct plan_conv_shape s, enum plan_variant v) {
    conv_choice_add(f->choice, &f->arena, &s, v);
}

static uint32_t chosen(const struct fixture *f, struct plan_conv_shape s) {
    return conv_choice_of(f->choice, &s);
}

static void close_choice(struct fixture *f) { arena_free(&f->arena); }

// ---- errors

static void near(double expected, double found) { assert_true(fabs(found / expected - 1) < 1e-12); }

static void test_error_of_a_convolution(void **state) {
    (void)state;
    struct plan_conv_shape s = shape(16, 3), four = shape(64, 3), one = shape(16, 1);
    for (uint32_t a = 0; a < PLAN_CONV_ALGORITHMS; a++) {
        near(2 * conv_error(&s, a), conv_error(&four, a));
        near(sqrt(3) * conv_error(&one, a), conv_error(&s, a));
    }
    near(0.42 * sqrt(27 * 16) / 16777216, conv_error(&s, PLAN_CONV_DIRECT));
}

// Errors that do not know of each other: of four equal ones twice that of one.
static void test_error_of_a_decode(void **state) {
    (void)state;
    near(2 * conv_error_of_decode(1e-12), conv_error_of_decode(4e-12));
    near(5e-6, conv_error_of_decode(1e-12));
}

// ---- the choice

static void test_the_fastest(void **state) {
    (void)state;
    struct fixture f;
    open_choice(&f, NULL, 1);
    add(&f, shape(32, 3), PLAN_STEADY);
    add(&f, shape(32, 1), PLAN_FIRST); // no F over frames
    add(&f, shape(32, 3), PLAN_STEADY);
    assert_true(conv_choice_decide(f.choice, &f.err));
    assert_int_equal(PLAN_CONV_WINOGRAD4_TIME4, chosen(&f, shape(32, 3)));
    assert_int_equal(PLAN_CONV_WINOGRAD4, chosen(&f, shape(32, 1)));
    assert_int_equal(2, f.choice->shape_count);
    assert_int_equal(2, f.choice->shapes[0].uses[PLAN_STEADY]);
    assert_int_equal(7 + 4, f.calls); // once for each shape and algorithm that computes it
    assert_int_equal(CONV_SLOWER, f.choice->shapes[0].candidates[PLAN_CONV_DIRECT].verdict);
    assert_int_equal(CONV_CHOSEN, f.choice->shapes[0].candidates[PLAN_CONV_WINOGRAD4_TIME4].verdict);
    close_choice(&f);
}

// 32 columns of 864 weights and a bias, and an operator of XNNPACK; a direct convolution needs a window of 6 frames as well.
static void test_price_of_memory(void **state) {
    (void)state;
    struct plan_conv_shape s = shape(32, 3);
    near(4 * 32 * 865 + 1536, conv_bytes(&s, PLAN_CONV_IM2COL));
    near(4 * (27 * 32 * 32 + 6 * 8 * 8 * 32), conv_bytes(&s, PLAN_CONV_DIRECT));
    near(216 * (4 * 32 * 33 + 1536), conv_bytes(&s, PLAN_CONV_WINOGRAD4_TIME4));
    near(8 * 9 * 8 * 8, conv_workspace(&s, PLAN_CONV_DIRECT, 2)); // a pointer for each pixel under the kernel
}

// ---- memory

enum { PRICED = 3 };
static const struct {
    uint32_t channels, taps, first, steady;
} priced[PRICED] = {{32, 3, 0, 6}, {64, 3, 0, 2}, {32, 1, 4, 0}};

static void add_priced(struct fixture *f) {
    for (int i = 0; i < PRICED; i++) {
        struct plan_conv_shape s = shape(priced[i].channels, priced[i].taps);
        for (uint32_t k = 0; k < priced[i].first; k++) add(f, s, PLAN_FIRST);
        for (uint32_t k = 0; k < priced[i].steady; k++) add(f, s, PLAN_STEADY);
    }
}

// Of one candidate of each shape: seconds for each of 20 later steps, and bytes with one workspace for all.
struct spent {
    double seconds, bytes;
};

static struct spent spent_of(const struct conv_choice *c, const uint32_t candidate[PRICED]) {
    struct spent t = {0};
    double workspace = 0;
    for (int i = 0; i < PRICED; i++) {
        const struct conv_candidate *k = &c->shapes[i].candidates[candidate[i]];
        t.seconds += (priced[i].steady + priced[i].first / 20.0) * k->seconds;
        t.bytes += fmax(priced[i].first, priced[i].steady) * k->bytes;
        workspace = fmax(workspace, k->workspace);
    }
    t.bytes += workspace;
    return t;
}

static struct spent spent_by_choice(const struct conv_choice *c) {
    const uint32_t chosen[PRICED] = {c->shapes[0].chosen, c->shapes[1].chosen, c->shapes[2].chosen};
    return spent_of(c, chosen);
}

static double cheapest_of_all(const struct conv_choice *c, double price) {
    double least = INFINITY;
    uint32_t k[PRICED];
    for (k[0] = 0; k[0] < c->shapes[0].candidate_count; k[0]++) {
        for (k[1] = 0; k[1] < c->shapes[1].candidate_count; k[1]++) {
            for (k[2] = 0; k[2] < c->shapes[2].candidate_count; k[2]++) {
                struct spent t = spent_of(c, k);
                least = fmin(least, t.seconds + price * t.bytes);
            }
        }
    }
    return least;
}

static struct spent choose_priced(double price, double slack, double *least) {
    struct fixture f;
    open_choice(&f, NULL, 1);
    f.choice->options.byte_price = price;
    f.choice->options.byte_slack = slack;
    add_priced(&f);
    assert_true(conv_choice_decide(f.choice, &f.err));
    struct spent t = spent_by_choice(f.choice);
    *least = cheapest_of_all(f.choice, price);
    close_choice(&f);
    return t;
}

// As cheap as the cheapest of all combinations.
static void test_price(void **state) {
    (void)state;
    for (double price = 1e-9; price < 1; price *= 3) {
        double least;
        struct spent t = choose_priced(price, 0, &least);
        near(least, t.seconds + price * t.bytes);
    }
}

// Slack buys time, never takes more than there is, and in the end buys all.
static void test_slack(void **state) {
    (void)state;
    double least;
    struct spent dear = choose_priced(1, 0, &least), fastest = choose_priced(0, 0, &least);
    double before = dear.seconds;
    for (double slack = 1; slack < 1e9; slack *= 2) {
        struct spent t = choose_priced(1, slack, &least);
        assert_true(t.bytes <= dear.bytes + slack && t.seconds <= before);
        before = t.seconds;
    }
    assert_true(fastest.seconds < dear.seconds);
    near(fastest.seconds, before);
}

// Chooses for a shape and for a strided one, which only direct computes.
static void choose_strided(struct fixture *f, const char *conv) {
    struct plan_conv_shape strided = shape(32, 3);
    strided.stride_h = 2;
    open_choice(f, conv, 1);
    add(f, shape(32, 3), PLAN_STEADY);
    add(f, strided, PLAN_STEADY);
    assert_true(conv_choice_decide(f->choice, &f->err));
    assert_int_equal(PLAN_CONV_DIRECT, chosen(f, strided));
}

// "blocks": all but direct, where there is another.
static void test_blocks(void **state) {
    (void)state;
    struct fixture f;
    choose_strided(&f, "blocks");
    assert_int_equal(6, f.choice->shapes[0].candidate_count);
    close_choice(&f);
}

static void test_conv_narrows(void **state) {
    (void)state;
    struct fixture f;
    choose_strided(&f, "winograd2");
    assert_int_equal(PLAN_CONV_WINOGRAD2_TIME2, chosen(&f, shape(32, 3)));
    assert_int_equal(2 + 1, f.calls);
    close_choice(&f);
}

static void test_no_time(void **state) {
    (void)state;
    struct fixture f;
    open_choice(&f, NULL, 1);
    f.choice->options.seconds = failing;
    add(&f, shape(32, 3), PLAN_STEADY);
    assert_false(conv_choice_decide(f.choice, &f.err));
    assert_string_equal("no clock", f.err.message);
    close_choice(&f);
}

// ---- the limit

enum { SHAPES = 3 };
static const struct { uint32_t channels, taps, uses; } three[SHAPES] = {{32, 3, 3}, {48, 3, 1}, {64, 1, 2}};

static void add_three(struct fixture *f) {
    for (int i = 0; i < SHAPES; i++) {
        for (uint32_t k = 0; k < three[i].uses; k++)
            add(f, shape(three[i].channels, three[i].taps), PLAN_STEADY);
    }
}

struct total {
    double seconds, squares;
};

static struct total total_of(const uint32_t algorithms[SHAPES]) {
    struct total t = {0};
    for (int i = 0; i < SHAPES; i++) {
        struct plan_conv_shape s = shape(three[i].channels, three[i].taps);
        t.seconds += three[i].uses * seconds_of[algorithms[i]] * s.in;
        t.squares += three[i].uses * pow(conv_error(&s, algorithms[i]), 2);
    }
    return t;
}

// The least time of all combinations within the limit.
static double least_seconds(double max_error) {
    double least = INFINITY;
    for (uint32_t n = 0; n < 6 * 6 * 3; n++) {
        struct total t = total_of((const uint32_t[SHAPES]){n % 6, n / 6 % 6, n / 36});
        if (conv_error_of_decode(t.squares) <= max_error) least = fmin(least, t.seconds);
    }
    return least;
}

// From the fastest to the most exact, in 40 limits. An exchange is for all convolutions of a shape, so that there can be
// a better combination than the exchanges come to, but not by much.
static void test_limits(void **state) {
    (void)state;
    double fastest = conv_error_of_decode(total_of((const uint32_t[SHAPES]){5, 5, 2}).squares),
           most_exact = conv_error_of_decode(total_of((const uint32_t[SHAPES]){3, 3, 1}).squares);
    for (int step = 0; step <= 40; step++) {
        double limit = fastest * pow(most_exact / fastest, step / 40.0) * (1 + 1e-9);
        struct fixture f;
        uint32_t algorithms[SHAPES];
        open_choice(&f, NULL, limit);
        add_three(&f);
        assert_true(conv_choice_decide(f.choice, &f.err));
        for (int i = 0; i < SHAPES; i++) algorithms[i] = chosen(&f, shape(three[i].channels, three[i].taps));
        struct total t = total_of(algorithms);
        near(conv_error_of_decode(t.squares), conv_choice_error(f.choice, PLAN_STEADY));
        assert_true(conv_choice_error(f.choice, PLAN_STEADY) <= limit);
        assert_true(t.seconds <= 1.15 * least_seconds(limit));
        if (step == 0 || step == 40) near(least_seconds(limit), t.seconds);
        close_choice(&f);
    }
}

static void test_too_rough(void **state) {
    (void)state;
    struct fixture f;
    struct plan_conv_shape s = shape(32, 3);
    double rough = conv_error(&s, PLAN_CONV_WINOGRAD4_TIME4),
           next = conv_error(&s, PLAN_CONV_WINOGRAD4_TIME2);
    open_choice(&f, NULL, conv_error_of_decode((rough * rough + next * next) / 2));
    add(&f, s, PLAN_STEADY);
    assert_true(conv_choice_decide(f.choice, &f.err));
    assert_int_equal(PLAN_CONV_WINOGRAD4_TIME2, chosen(&f, s));
    assert_int_equal(CONV_TOO_ROUGH, f.choice->shapes[0].candidates[PLAN_CONV_WINOGRAD4_TIME4].verdict);
    close_choice(&f);
}

// What is too rough in the first step is so, however exact the steady one is; the steady one's own shapes stay.
static void test_each_variant(void **state) {
    (void)state;
    struct fixture f;
    struct plan_conv_shape first = shape(1024, 1), steady = shape(16, 3);
    open_choice(&f, NULL, 5 * 0.33 * sqrt(9 * 1024) / 16777216);
    add(&f, first, PLAN_FIRST);
    add(&f, steady, PLAN_STEADY);
    assert_true(conv_choice_decide(f.choice, &f.err));
    assert_int_equal(PLAN_CONV_WINOGRAD2, chosen(&f, first));
    assert_int_equal(PLAN_CONV_WINOGRAD4_TIME4, chosen(&f, steady));
    close_choice(&f);
}

// What others have chosen takes its part of the limit.
static void test_fixed(void **state) {
    (void)state;
    struct fixture f;
    struct plan_conv_shape s = shape(32, 3);
    double e = conv_error(&s, PLAN_CONV_WINOGRAD4_TIME4);
    open_choice(&f, NULL, conv_error_of_decode(1.9 * e * e));
    conv_choice_fix(f.choice, &s, PLAN_CONV_WINOGRAD4_TIME4, PLAN_STEADY);
    add(&f, s, PLAN_STEADY);
    assert_true(conv_choice_decide(f.choice, &f.err));
    assert_int_equal(PLAN_CONV_WINOGRAD4_TIME2, chosen(&f, s));
    close_choice(&f);
}

// The message offers a limit that can be had, and no smaller one that could be.
static void test_refused(void **state) {
    (void)state;
    struct fixture f;
    double least = 0;
    open_choice(&f, NULL, 1e-9);
    add_three(&f);
    assert_false(conv_choice_decide(f.choice, &f.err));
    assert_int_equal(ERROR_UNSUPPORTED, f.err.code);
    assert_int_equal(1, sscanf(strstr(f.err.message, "bounded by "), "bounded by %lf", &least));
    close_choice(&f);
    for (int less = 0; less < 2; less++) {
        open_choice(&f, NULL, less ? 0.9 * least : least);
        add_three(&f);
        assert_int_equal(!less, conv_choice_decide(f.choice, &f.err));
        close_choice(&f);
    }
}

// ---- in a module

static const char text[] = "module \"\" \"\"\n"
                           "const @w: f32[32,32,3,3,3] = opaque\n"
                           "graph @first(%x: f32[1,8,8,32]) {\n"
                           "  %y = frame_conv %x, @w {pads=[1,1,1,1], strides=[1,1], taps=1}\n"
                           "  return %y\n"
                           "}\n"
                           "graph @steady(%x: f32[6,8,8,32]) {\n"
                           "  %y = frame_conv %x, @w {pads=[1,1,1,1], strides=[1,1], taps=3}\n"
                           "  %z = frame_conv %x, @w {algorithm=\"winograd2\", block=32, pads=[1,1,1,1], "
                           "strides=[1,1], taps=3}\n"
                           "  return %y, %z\n"
                           "}\n";

// The bound that a plan states is that of the choice, and counts what was chosen before.
static void test_error_of_a_module(void **state) {
    (void)state;
    struct error err = {0};
    struct pass_options options = {0};
    struct ir_module *m = ir_parse(text, "text", NULL, &err);
    assert_non_null(m);
    m->choice = conv_choice_new(&m->arena, &(struct conv_choice_options){.conv = "direct"});
    assert_true(pass_run_named(&m, "choose_convs", &options, &err));
    near(5 * sqrt(0.42 * 0.42 + 0.32 * 0.32) * sqrt(27 * 32) / 16777216, conv_error_of_module(m));
    near(conv_error_of_module(m), conv_choice_error(m->choice, PLAN_STEADY));
    near(5 * 0.42 * sqrt(9 * 32) / 16777216, conv_choice_error(m->choice, PLAN_FIRST));
    ir_module_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_of_a_convolution),
        cmocka_unit_test(test_error_of_a_decode),
        cmocka_unit_test(test_the_fastest),
        cmocka_unit_test(test_price_of_memory),
        cmocka_unit_test(test_price),
        cmocka_unit_test(test_slack),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_conv_narrows),
        cmocka_unit_test(test_no_time),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_too_rough),
        cmocka_unit_test(test_each_variant),
        cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_error_of_a_module),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
