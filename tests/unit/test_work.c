// What operators are said to compute and move, against numbers made by hand.
#include "plan/work.h"

#include "tests/support/same_conv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { IN, OUT, HISTORY, RESIDUAL, VIEWS };

// A plan of one operator: 4 frames of 8x8 pixels, 32 channels to 32, on a window of two frames more.
static struct plan_view views[VIEWS];
static struct plan_constant constants[2];
static struct plan_op op;
static struct plan_cache cache;
static struct plan_program program;
static struct plan plan;

static int set_up(void **state) {
    (void)state;
    views[IN] = (struct plan_view){.frames = 6, .height = 8, .width = 8, .channels = 32};
    views[OUT] = views[RESIDUAL] = (struct plan_view){.frames = 4, .height = 8, .width = 8, .channels = 32};
    views[HISTORY] =
        (struct plan_view){.space = PLAN_CACHE, .frames = 2, .height = 8, .width = 8, .channels = 32};
    cache = (struct plan_cache){.type = PLAN_F32};
    constants[0] = (struct plan_constant){.count = 32 * 27 * 32, .bytes = 4 * 32 * 27 * 32};
    constants[1] = (struct plan_constant){.count = 32, .bytes = 4 * 32};
    op = (struct plan_op){.kind = PLAN_OP_CONV,
                          .in = {IN, PLAN_NONE, PLAN_NONE},
                          .out = OUT,
                          .scratch = PLAN_NONE,
                          .constant = {0, 1, PLAN_NONE}};
    op.params.conv = same_conv(PLAN_CONV_DIRECT, 3);
    program = (struct plan_program){.cache_count = 1};
    plan = (struct plan){.views = views,
                         .view_count = VIEWS,
                         .constants = constants,
                         .constant_count = 2,
                         .caches = &cache,
                         .cache_count = 1};
    return 0;
}

#define EQUAL(expected, found) assert_true((double)(expected) == (found))

// 2 operations, 8192 outputs, 27 taps of 32 channels.
static void test_direct(void **state) {
    (void)state;
    struct plan_work w = plan_work(&plan, &program, &op, 1);
    EQUAL(2 * 8192 * 27 * 32, w.flops);
    EQUAL(w.flops, w.product_flops);
    EQUAL(4 * (6 + 4) * 2048 + constants[0].bytes + constants[1].bytes, w.bytes);
}

// The first step's live tap.
static void test_live_taps(void **state) {
    (void)state;
    op.params.conv.taps = 1;
    views[IN].frames = 4;
    struct plan_work w = plan_work(&plan, &program, &op, 1);
    EQUAL(2 * 8192 * 9 * 32, w.flops);
    EQUAL(4 * (4 + 4) * 2048 + constants[0].bytes / 3 + constants[1].bytes, w.bytes);
}

// 2x2 tiles of 4x4 pixels and 4 frames: 6^3 products of 32x32 for each, an eighth of the direct ones.
static void test_winograd(void **state) {
    (void)state;
    op.params.conv.algorithm = PLAN_CONV_WINOGRAD4_TIME4;
    struct plan_work w = plan_work(&plan, &program, &op, 1);
    EQUAL(2 * 8192 * 27 * 32, w.flops);
    EQUAL(2 * 216 * 4 * 32 * 32, w.product_flops);
    EQUAL(w.flops, 8 * w.product_flops);
}

// Three output channels are computed as 32.
static void test_padded_columns(void **state) {
    (void)state;
    op.params.conv.algorithm = PLAN_CONV_WINOGRAD4;
    views[OUT].channels = 3;
    struct plan_work w = plan_work(&plan, &program, &op, 1);
    EQUAL(2 * 4 * 64 * 3 * 27 * 32, w.flops);
    EQUAL(2 * 36 * 4 * 4 * (3 * 32) * 32, w.product_flops);
}

// A history is read and written.
static void test_history_and_residual(void **state) {
    (void)state;
    op.params.conv.algorithm = PLAN_CONV_WINOGRAD4_TIME4;
    op.in[PLAN_CONV_HISTORY] = HISTORY;
    op.in[PLAN_CONV_RESIDUAL] = RESIDUAL;
    views[IN].frames = 4;
    EQUAL(4 * 2048 * (4 + 4 + 4 + 2 * 2) + constants[0].bytes + constants[1].bytes,
          plan_work(&plan, &program, &op, 1).bytes);
}

// Of 16 bits; one fresh frame and the newer old one are left in it.
static void test_history_of_one_frame(void **state) {
    (void)state;
    op.params.conv.algorithm = PLAN_CONV_WINOGRAD4;
    op.in[PLAN_CONV_HISTORY] = HISTORY;
    cache.type = PLAN_F16;
    views[IN].frames = views[OUT].frames = 1;
    double weights = (double)constants[0].bytes + (double)constants[1].bytes;
    EQUAL(4 * 2048 * 2 + 2 * 2048 * (2 + 2) + weights, plan_work(&plan, &program, &op, 1).bytes);
    op.params.conv.taps = 1; // the first step: nothing is read
    weights = (double)constants[0].bytes / 3 + (double)constants[1].bytes;
    EQUAL(4 * 2048 * 2 + 2 * 2048 + weights, plan_work(&plan, &program, &op, 1).bytes);
}

// Two products of 64 positions by 64 by 32 channels, in each of 4 frames.
static void test_attention(void **state) {
    (void)state;
    op = (struct plan_op){.kind = PLAN_OP_ATTENTION,
                          .in = {OUT, OUT, OUT},
                          .out = RESIDUAL,
                          .scratch = PLAN_NONE,
                          .constant = {PLAN_NONE, PLAN_NONE, PLAN_NONE}};
    struct plan_work w = plan_work(&plan, &program, &op, 1);
    EQUAL(2 * 2 * 4 * 64 * 64 * 32, w.flops);
    EQUAL(w.flops, w.product_flops);
    EQUAL(4 * 4 * 8192, w.bytes);
}

static void test_copy(void **state) {
    (void)state;
    op.kind = PLAN_OP_COPY;
    op.in[0] = RESIDUAL;
    op.constant[0] = op.constant[1] = PLAN_NONE;
    struct plan_work w = plan_work(&plan, &program, &op, 1);
    EQUAL(0, w.flops);
    EQUAL(2 * 4 * 8192, w.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_direct, set_up),
        cmocka_unit_test_setup(test_live_taps, set_up),
        cmocka_unit_test_setup(test_winograd, set_up),
        cmocka_unit_test_setup(test_padded_columns, set_up),
        cmocka_unit_test_setup(test_history_and_residual, set_up),
        cmocka_unit_test_setup(test_history_of_one_frame, set_up),
        cmocka_unit_test_setup(test_attention, set_up),
        cmocka_unit_test_setup(test_copy, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
