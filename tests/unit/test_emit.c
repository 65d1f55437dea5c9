// From modules to a plan: what several latent sizes share, decoders of one latent frame, the kept frames of the
// first step, and the warnings.
#include "passes/emit.h"
#include "passes/pass.h"
#include "plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_MODULES = 3 };

struct fixture {
    struct ir_module *modules[MAX_MODULES];
    int count;
    char path[64];
    struct plan plan;
};

static int setup(void **state) {
    static struct fixture fixture;
    fixture = (struct fixture){0};
    snprintf(fixture.path, sizeof fixture.path, "/tmp/wanc-test-emit-%ld.plan", (long)getpid());
    *state = &fixture;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < f->count; i++) ir_module_free(f->modules[i]);
    plan_close(&f->plan);
    unlink(f->path);
    return 0;
}

static struct ir_module *add_module(struct fixture *f, const char *text) {
    struct error err = {0};
    struct pass_options options = {.verify_each = true};
    struct ir_module **m = &f->modules[f->count];
    if ((*m = ir_parse(text, "test", NULL, &err)) == NULL) fail_msg("%s", err.message);
    f->count++;
    if (!pass_run_all(m, &options, &err)) fail_msg("%s", err.message);
    return *m;
}

static const struct plan *emit(struct fixture *f) {
    struct error err = {0};
    if (!emit_plan(f->modules, f->count, f->path, NULL, &err)) fail_msg("%s", err.message);
    if (!plan_open(&f->plan, f->path, &err)) fail_msg("%s", err.message);
    return &f->plan;
}

static void check_refused(struct fixture *f, const char *expected) {
    struct error err = {0};
    assert_false(emit_plan(f->modules, f->count, f->path, NULL, &err));
    if (strstr(err.message, expected) == NULL) fail_msg("\"%s\" has no \"%s\"", err.message, expected);
}

// A video decoder of one convolution over three frames, its bias scaled.
#define VIDEO(size, bias)                                                                                    \
    "module \"full\" \"model.onnx\"\n"                                                                       \
    "const @w: f32[3,2,3,1,1] = [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18]\n"                            \
    "const @b: f32[3] = [" bias "]\n"                                                                        \
    "graph @full(%x: f32[1,2,1|1," size "]) {\n"                                                             \
    "  %y = conv %x, @w, @b {pads=[2,0,0,0,0,0], strides=[1,1,1]} \"conv\"\n"                                \
    "  return %y\n"                                                                                          \
    "}\n"

static void test_sizes_share_the_weights(void **state) {
    struct fixture *f = *state;
    add_module(f, VIDEO("4,5", "1,2,3"));
    add_module(f, VIDEO("2,3", "1,2,3")); // equal, at another address
    add_module(f, VIDEO("7,1", "1,2,4"));
    const struct plan *p = emit(f);
    assert_int_equal(p->program_count, 3);
    assert_int_equal(p->constant_count, 3); // the weights, two biases
    assert_int_equal(p->programs[1].latent_height, 2);
    assert_int_equal(p->programs[1].latent_width, 3);
    assert_int_equal(p->programs[2].cache_bytes, 2 * 7 * 1 * 2 * sizeof(float) + 16); // aligned
    for (uint32_t i = 0; i < 3; i++) {
        const struct plan_program *g = &p->programs[i];
        assert_int_equal(g->cache_count, 1);
        assert_int_equal(g->variant[PLAN_FIRST].frames, 1);
        assert_int_equal(g->variant[PLAN_STEADY].frames, 1);
        assert_int_equal(g->shape_count, 1);
    }
}

static void test_equal_sizes_are_refused(void **state) {
    struct fixture *f = *state;
    add_module(f, VIDEO("4,5", "1,2,3"));
    add_module(f, VIDEO("4,5", "1,2,3"));
    check_refused(f, "latents of 4 x 5 again");
}

// The data of one constant in two layouts are two constants of the plan.
static void test_layouts_are_told_apart(void **state) {
    struct fixture *f = *state;
    add_module(f, "const @w: f32[4,4,1,1] = [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]\n"
                  "const @v: f32[2,2,1,2,2] = [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]\n"
                  "const @h: f32[] = [0.5]\n"
                  "graph @full(%x: f32[1,2,1|1,3,3]) {\n"
                  "  %a = conv %x, @v {pads=[0,0,0,0,1,1], strides=[1,1,1]}\n"
                  "  %b = mul %a, @h\n"
                  "  %c = div %b, @h\n"
                  "  return %c\n"
                  "}\n");
    const struct plan *p = emit(f);
    assert_int_equal(p->constant_count, 3); // the weight, the factor, its reciprocal
}

#define IMAGE                                                                                                \
    "module \"full\" \"image.onnx\"\n"                                                                       \
    "const @w: f32[3,2,3,1,1] = [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18]\n"                            \
    "graph @first(%x: f32[1,2,1,4,5]) {\n"                                                                   \
    "  %y = conv %x, @w {pads=[2,0,0,0,0,0], strides=[1,1,1]} \"conv\"\n"                                    \
    "  return %y\n"                                                                                          \
    "}\n"

static void test_one_latent_frame(void **state) {
    struct fixture *f = *state;
    add_module(f, IMAGE);
    const struct plan *p = emit(f);
    const struct plan_program *g = &p->programs[0];
    assert_false(plan_has_steady(g));
    assert_int_equal(g->variant[PLAN_FIRST].frames, 1);
    assert_int_equal(g->cache_count, 0);
    assert_int_equal(g->latent_width, 5);
    assert_int_equal(g->shape_count, 1);
    assert_string_equal(plan_string(p, p->shapes[0].first), "1x4x5x3");
    assert_string_equal(plan_string(p, p->shapes[0].steady), "");
}

static void test_image_and_video_do_not_mix(void **state) {
    struct fixture *f = *state;
    add_module(f, IMAGE);
    add_module(f, VIDEO("2,3", "1,2,3"));
    check_refused(f, "numbers of frames");
}

// Both steps give two frames.
#define STEP(name, size)                                                                                     \
    "graph @" name "(%x: f32[1,2,1," size "]) {\n"                                                           \
    "  %y = conv %x, @w {pads=[0,0,0,0,0,0], strides=[1,1,1]}\n"                                             \
    "  %f = rearrange %y {pattern=\"1 (a:2 b:3) 1 c d -> 1 b a c d\"}\n"                                     \
    "  %z = conv %f, @v {pads=[0,0,0,0,0,0], strides=[1,1,1]}\n"                                             \
    "  return %z\n"                                                                                          \
    "}\n"
#define FLAGGED(kept, size)                                                                                  \
    "module \"pair\" \"flagged.onnx\"\n" kept "const @w: f32[6,2,1,1,1] = [1,2,3,4,5,6,7,8,9,10,11,12]\n"    \
    "const @v: f32[3,3,1,1,1] = [1,0,0,0,1,0,0,0,1]\n" STEP("first", size) STEP("steady", size)

// A step of one convolution, and what comes of its result %y.
#define CONV_WEIGHTS "const @w: f32[3,2,1,1,1] = [1,2,3,4,5,6]\n"
#define CONV_STEP(name, size, rest)                                                                          \
    "graph @" name "(%x: f32[1,2,1," size "]) {\n"                                                           \
    "  %y = conv %x, @w {pads=[0,0,0,0,0,0], strides=[1,1,1]}\n" rest "}\n"

static void test_steps_take_the_same_latents(void **state) {
    struct fixture *f = *state;
    add_module(f, CONV_WEIGHTS CONV_STEP("first", "4,5", "  return %y\n")
                      CONV_STEP("steady", "4,4", "  return %y\n"));
    check_refused(f, "the first and the later steps take different latents");
}

static void test_steps_give_frames_of_one_size(void **state) {
    struct fixture *f = *state;
    add_module(f, CONV_WEIGHTS CONV_STEP("first", "4,5", "  return %y\n")
                      CONV_STEP("steady", "4,5",
                                "  %u = rearrange %y {pattern=\"1 a 1 b c -> 1 a 1 (b d:2) c\"}\n"
                                "  return %u\n"));
    check_refused(f, "later steps give frames of another size");
}

static void test_first_kept(void **state) {
    struct fixture *f = *state;
    add_module(f, FLAGGED("first_kept 1\n", "4,5"));
    add_module(f, FLAGGED("first_kept 1\n", "1,2"));
    const struct plan *p = emit(f);
    assert_int_equal(p->info->first_kept, 1);
    assert_int_equal(plan_first_kept(p), 1);
    assert_int_equal(p->programs[1].variant[PLAN_FIRST].frames, 2);
}

static void test_first_kept_must_fit(void **state) {
    struct fixture *f = *state;
    add_module(f, FLAGGED("first_kept 3\n", "4,5"));
    check_refused(f, "first_kept 3, but the first step gives 2 frames");
    f->modules[0]->first_kept = -1;
    check_refused(f, "first_kept is -1");
    f->modules[0]->first_kept = 0;
    add_module(f, FLAGGED("first_kept 1\n", "1,2"));
    check_refused(f, "first_kept 0 at one latent size and 1 at another");
}

static void test_warnings(void **state) {
    struct fixture *f = *state;
    struct ir_module *a = add_module(f, VIDEO("4,5", "1,2,3")), *b = add_module(f, VIDEO("2,3", "1,2,3"));
    ir_note(a, "recognised something");
    ir_note(a, "warning: %s", "of the model");
    ir_note(b, "warning: %s", "of the model");
    ir_note(b, "warning: of this size");
    const struct plan *p = emit(f);
    assert_int_equal(p->note_count, 3); // the first is that the graph has no temporal upsampling
    assert_string_equal(plan_string(p, p->notes[1]), "warning: of the model");
    assert_string_equal(plan_string(p, p->notes[2]), "warning: of this size");
}

// A step alone, which makes two frames of one without a convolution over time.
static void test_several_first_frames_are_warned_of(void **state) {
    struct fixture *f = *state;
    add_module(f, "module \"step\" \"step.onnx\"\n"
                  "const @w: f32[6,2,1,1,1] = [1,2,3,4,5,6,7,8,9,10,11,12]\n"
                  "const @v: f32[3,3,1,1,1] = [1,0,0,0,1,0,0,0,1]\n" STEP("steady", "4,5"));
    const struct plan *p = emit(f);
    assert_int_equal(p->note_count, 1);
    assert_non_null(strstr(plan_string(p, p->notes[0]), "warning: the first step gives several frames"));
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_sizes_share_the_weights),
        TEST(test_equal_sizes_are_refused),
        TEST(test_layouts_are_told_apart),
        TEST(test_one_latent_frame),
        TEST(test_image_and_video_do_not_mix),
        TEST(test_steps_take_the_same_latents),
        TEST(test_steps_give_frames_of_one_size),
        TEST(test_first_kept),
        TEST(test_first_kept_must_fit),
        TEST(test_warnings),
        TEST(test_several_first_frames_are_warned_of),
    };
    return cmocka_run_group_tests_name("emit", tests, NULL, NULL);
}
