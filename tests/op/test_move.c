// Copies and enlargements: every element arrives, unchanged, and nothing else is written.
#include "tests/op/harness.h"

#include <stdio.h>

typedef struct plan_view view_fn(uint32_t frames, uint32_t height, uint32_t width, uint32_t channels);

static struct plan_view gapped_view(uint32_t frames, uint32_t height, uint32_t width, uint32_t channels) {
    struct plan_view v = window_view(frames, height, width, channels, 3);
    v.offset = 5;
    return v;
}

// Nothing is adjacent: every other float, rows with gaps.
static struct plan_view sparse_view(uint32_t frames, uint32_t height, uint32_t width, uint32_t channels) {
    struct plan_view v = {PLAN_ARENA, 0, frames, height, width, channels, 1, 0, 0, 0, 2};
    v.pixel_stride = 2 * channels + 1;
    v.row_stride = v.pixel_stride * width + 3;
    v.frame_stride = v.row_stride * height;
    return v;
}

static struct plan_view packed_window(uint32_t frames, uint32_t height, uint32_t width, uint32_t channels) {
    return window_view(frames, height, width, channels, 0);
}

// Elements that repeat: the pixels of a row, and each row in all frames; or the channels of a pixel.
static struct plan_view repeated_view(uint32_t frames, uint32_t height, uint32_t width, uint32_t channels) {
    return (struct plan_view){PLAN_ARENA, 0, frames, height, width, channels, 0, 0, channels, 0, 1};
}

static struct plan_view channels_repeated_view(uint32_t frames, uint32_t height, uint32_t width,
                                               uint32_t channels) {
    uint64_t frame = (uint64_t)width * height;
    return (struct plan_view){PLAN_ARENA, 0, frames, height, width, channels, 0, frame, width, 1, 0};
}

static const struct {
    const char *name;
    view_fn *fn;
} layouts[] = {{"dense", dense_view},
               {"window", packed_window},
               {"gapped", gapped_view},
               {"planar", planar_view},
               {"sparse", sparse_view},
               {"repeated", repeated_view}, // from here on to read only
               {"channels repeated", channels_repeated_view}};
static const uint32_t shapes[][4] = {{1, 1, 1, 1},   {1, 1, 9, 3},   {4, 5, 1, 16},   {3, 4, 33, 17},
                                     {1, 7, 31, 48}, {2, 3, 2, 384}, {4, 2, 5500, 3}, {1, 2, 1, 20000}};
enum {
    TO_READ = sizeof layouts / sizeof *layouts,
    LAYOUTS = TO_READ - 2,
    SHAPES = sizeof shapes / sizeof *shapes
};

static void run_case(const char *what, struct op_case *c, size_t factor) {
    float *input = make_input(c);
    struct expected e = make_expected(c);
    for (size_t t = 0; t < c->out.frames; t++) {
        for (size_t y = 0; y < c->out.height; y++) {
            for (size_t x = 0; x < c->out.width; x++) {
                for (size_t i = 0; i < c->out.channels; i++) {
                    expect_at(&e, view_at(&c->out, t, y, x, i),
                              input[view_at(&c->in[0], t, y / factor, x / factor, i)], 0);
                }
            }
        }
    }
    check_case(what, c, input, &e);
}

static void test_copy(void **state) {
    (void)state;
    for (int from = 0; from < TO_READ; from++) {
        for (int to = 0; to < LAYOUTS; to++) {
            for (int i = 0; i < SHAPES; i++) {
                const uint32_t *s = shapes[i];
                struct op_case c = {.op = {.kind = PLAN_OP_COPY}};
                c.in[0] = layouts[from].fn(s[0], s[1], s[2], s[3]);
                c.out = layouts[to].fn(s[0], s[1], s[2], s[3]);
                char name[128];
                snprintf(name, sizeof name, "%s to %s, shape %d", layouts[from].name, layouts[to].name, i);
                run_case(name, &c, 1);
                test_teardown(NULL);
            }
        }
    }
}

static void test_upsample(void **state) {
    (void)state;
    for (uint32_t factor = 1; factor <= 3; factor++) {
        for (int from = 0; from < LAYOUTS; from++) {
            for (int i = 0; i < SHAPES; i++) {
                const uint32_t *s = shapes[i];
                struct op_case c = {.op = {.kind = PLAN_OP_UPSAMPLE}};
                c.op.params.upsample.factor = factor;
                c.in[0] = layouts[from].fn(s[0], s[1], s[2], s[3]);
                int to = (from + (int)factor) % LAYOUTS;
                c.out = layouts[to].fn(s[0], s[1] * factor, s[2] * factor, s[3]);
                char name[128];
                snprintf(name, sizeof name, "%s to %s, factor %u", layouts[from].name, layouts[to].name,
                         factor);
                run_case(name, &c, factor);
                test_teardown(NULL);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_copy, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_upsample, test_setup, test_teardown),
    };
    return cmocka_run_group_tests_name("move", tests, NULL, NULL);
}
