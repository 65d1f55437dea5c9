// Packed weights: shared by variants and sessions, brought along by a plan, and never believed without a look.
#include "tests/op/harness.h"

#include "compiler/prepack.h"
#include "runtime/session.h"
#include "tests/support/same_conv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
    H = 6,
    W = 7,
    IN = 16,
    OUT = 5,
    FRAMES = 4,
    LATENT = (FRAMES + 2) * H * W * IN,
    FRAME = FRAMES * H * W * OUT
};
enum { SPACE = 36, TIME = 6, DIRECT_OPERATORS = 1 };
enum { SECTIONS = PLAN_SECTION_KINDS - 1 };

static struct arena arena;

static int teardown(void **state) {
    arena_free(&arena);
    return test_teardown(state);
}

// ---- a plan: one 3x3x3 convolution, of the last tap alone in the first step; and one more, direct, in both

static uint32_t place(struct plan_writer *w, struct plan_view v, uint32_t space, uint64_t offset) {
    v.space = space;
    v.offset = offset;
    return plan_writer_view(w, v);
}

static struct plan_op conv_op(uint32_t in, uint32_t out, uint32_t weight, uint32_t algorithm, uint32_t taps) {
    struct plan_op op = {.kind = PLAN_OP_CONV,
                         .in = {in, PLAN_NONE, PLAN_NONE},
                         .out = out,
                         .scratch = PLAN_NONE,
                         .constant = {weight, PLAN_NONE, PLAN_NONE},
                         .params.conv = same_conv(algorithm, taps)};
    op.params.conv.block_channels = OUT;
    return op;
}

static const float *same_weights(void) {
    static float weights[OUT * 27 * IN];
    for (int i = 0; i < OUT * 27 * IN; i++) weights[i] = (float)(i * 37 % 101) / 50 - 1;
    return weights;
}

static struct plan_writer *conv_plan(void) {
    struct plan_writer *w = plan_writer_new(&arena);
    *plan_writer_add_program(w) = (struct plan_program){.latent_channels = 1,
                                                        .latent_height = 1,
                                                        .latent_width = LATENT,
                                                        .frame_channels = 1,
                                                        .frame_height = 2,
                                                        .frame_width = FRAME,
                                                        .variant = {{.frames = 1}, {.frames = 1}}};
    uint32_t weight = test_constant(w, same_weights(), OUT * 27 * IN);
    uint32_t frame = place(w, window_view(1, H, W, IN, 0), PLAN_INPUT, 0),
             window = place(w, window_view(FRAMES + 2, H, W, IN, 0), PLAN_INPUT, 0),
             out = place(w, dense_view(1, H, W, OUT), PLAN_OUTPUT, 0),
             outs = place(w, dense_view(FRAMES, H, W, OUT), PLAN_OUTPUT, 0),
             again = place(w, dense_view(1, H, W, OUT), PLAN_OUTPUT, FRAME);
    plan_writer_op(w, PLAN_FIRST, conv_op(frame, out, weight, PLAN_CONV_WINOGRAD4, 1));
    plan_writer_op(w, PLAN_FIRST, conv_op(frame, again, weight, PLAN_CONV_DIRECT, 1));
    plan_writer_op(w, PLAN_STEADY, conv_op(window, outs, weight, PLAN_CONV_WINOGRAD4_TIME4, 3));
    plan_writer_op(w, PLAN_STEADY, conv_op(frame, again, weight, PLAN_CONV_DIRECT, 1));
    return w;
}

// Written to a file; with its packed weights if `prepacked`.
static const char *write_plan(bool prepacked) {
    struct error err = {0};
    struct prepack prepack = {0};
    struct plan_writer *w = conv_plan();
    const char *path = test_path();
    if (prepacked) {
        struct plan plan;
        if (!plan_writer_open(w, &plan, &err) || !prepack_add(&prepack, &plan, w, &err))
            fail_msg("%s", err.message);
        plan_close(&plan);
    }
    if (!plan_writer_save(w, path, &err)) fail_msg("%s", err.message);
    prepack_free(&prepack);
    return path;
}

// ---- running it

// The frames of a first and a steady step.
struct result {
    float first[2 * FRAME], steady[2 * FRAME];
};

static void run_steps(struct rt_session *s, struct result *r) {
    struct error err = {0};
    for (int i = 0; i < LATENT; i++) ((float *)s->input.data)[i] = (float)(i % 17) / 8 - 1;
    if (!rt_session_run(s, PLAN_FIRST, &err)) fail_msg("%s", err.message);
    memcpy(r->first, s->output.data, sizeof r->first);
    if (!rt_session_run(s, PLAN_STEADY, &err)) fail_msg("%s", err.message);
    memcpy(r->steady, s->output.data, sizeof r->steady);
}

static void run_plan(const struct plan *plan, struct rt_packed *packed, struct result *r) {
    const struct rt_session_setup setup = {.threads = 2, .packed = packed};
    struct rt_session s;
    struct error err = {0};
    memset(r, 0, sizeof *r);
    if (!rt_session_open(&s, plan, plan->programs, &setup, &err)) fail_msg("%s", err.message);
    run_steps(&s, r);
    rt_session_close(&s);
}

static struct result run_file(const char *path) {
    struct plan plan;
    struct result r;
    struct error err = {0};
    if (!plan_open(&plan, path, &err)) fail_msg("%s", err.message);
    run_plan(&plan, NULL, &r);
    plan_close(&plan);
    return r;
}

struct count {
    size_t weights, in_plan;
    const struct plan *plan;
};

static bool add_one(void *context, const struct rt_packed_weights *w, struct error *err) {
    struct count *c = context;
    const unsigned char *data = w->data, *plan = c->plan->packed_data;
    (void)err;
    c->weights++;
    c->in_plan += plan != NULL && data >= plan && data < plan + c->plan->packed_data_size;
    return true;
}

static struct count count_packed(const struct plan *plan, const struct rt_packed *packed) {
    struct count c = {.plan = plan};
    rt_packed_each(packed, add_one, &c, NULL);
    return c;
}

static void test_sharing(void **state) {
    (void)state;
    struct plan plan;
    struct result alone = run_file(write_plan(false)), one, two;
    assert_true(plan_open(&plan, write_plan(false), NULL));
    struct rt_packed *packed = rt_packed_new(&plan, NULL, NULL);
    run_plan(&plan, packed, &one);
    // The first step's elements are those of time at infinity; the direct operators of both steps are one.
    assert_int_equal(count_packed(&plan, packed).weights, SPACE * TIME + DIRECT_OPERATORS);
    run_plan(&plan, packed, &two);
    assert_int_equal(count_packed(&plan, packed).weights, SPACE * TIME + DIRECT_OPERATORS);
    assert_memory_equal(&one, &alone, sizeof one);
    assert_memory_equal(&two, &alone, sizeof two);
    rt_packed_free(packed);
    plan_close(&plan);
}

// XNNPACK's own products give the same bits.
static void test_panels(void **state) {
    (void)state;
    struct plan plan;
    struct result alone = run_file(write_plan(false)), r;
    assert_true(plan_open(&plan, write_plan(false), NULL));
    struct rt_packed *packed = rt_packed_new(&plan, NULL, NULL);
    rt_packed_forbid_panels(packed);
    run_plan(&plan, packed, &r);
    assert_memory_equal(&r, &alone, sizeof r);
    rt_packed_free(packed);
    plan_close(&plan);
}

// ---- plans that bring them

static void test_brought(void **state) {
    (void)state;
    struct plan plan;
    struct result alone = run_file(write_plan(false)), r;
    assert_true(plan_open(&plan, write_plan(true), NULL));
    assert_int_equal(plan.packed_count, SPACE * TIME + DIRECT_OPERATORS);
    struct rt_packed *packed = rt_packed_new(&plan, NULL, NULL);
    assert_false(rt_packed_is_foreign(packed));
    run_plan(&plan, packed, &r);
    struct count c = count_packed(&plan, packed);
    assert_int_equal(c.weights, plan.packed_count);
    assert_int_equal(c.in_plan, plan.packed_count); // not packed again
    assert_memory_equal(&r, &alone, sizeof r);
    rt_packed_free(packed);
    plan_close(&plan);
}

// A plan's bytes in memory, to be changed.
struct bytes {
    unsigned char *data;
    size_t size;
};

static struct bytes read_bytes(const char *path) {
    struct file_map map;
    assert_true(file_map_open(&map, path, 0, NULL));
    struct bytes b = {test_alloc(1, map.size), map.size};
    memcpy(b.data, map.data, map.size);
    file_map_close(&map);
    return b;
}

static struct plan_section *section(struct bytes b, uint32_t kind) {
    return (struct plan_section *)(b.data + sizeof(struct plan_header)) + kind - 1;
}

static struct plan_packed *packed_of(struct bytes b) {
    return (struct plan_packed *)(b.data + section(b, PLAN_SECTION_PACKED)->offset);
}

static void repair(struct bytes b, uint32_t kind) {
    struct plan_section *s = section(b, kind);
    struct plan_header *h = (struct plan_header *)b.data;
    s->checksum = XXH3_64bits(b.data + s->offset, s->size);
    h->checksum = 0;
    h->checksum = XXH3_64bits(b.data, sizeof *h + SECTIONS * sizeof *s);
}

static const char *write_bytes(struct bytes b) {
    const char *path = test_path();
    FILE *f = fopen(path, "wb");
    assert_int_equal(fwrite(b.data, 1, b.size, f), b.size);
    fclose(f);
    return path;
}

static void expect_same_frames(struct bytes b) {
    struct result alone = run_file(write_plan(false)), r = run_file(write_bytes(b));
    assert_memory_equal(&r, &alone, sizeof r);
}

static void test_other_layout(void **state) {
    (void)state;
    struct bytes b = read_bytes(write_plan(true));
    ((struct plan_info *)(b.data + section(b, PLAN_SECTION_INFO)->offset))->packed_layout ^= 1;
    repair(b, PLAN_SECTION_INFO);
    // It must not be used: damage does no harm.
    memset(b.data + section(b, PLAN_SECTION_PACKED_DATA)->offset, 1, 4096);
    struct plan plan;
    assert_true(plan_open(&plan, write_bytes(b), NULL));
    struct rt_packed *packed = rt_packed_new(&plan, NULL, NULL);
    assert_true(rt_packed_is_foreign(packed));
    rt_packed_free(packed);
    plan_close(&plan);
    expect_same_frames(b);
}

static void test_damage(void **state) {
    (void)state;
    struct bytes b = read_bytes(write_plan(true));
    for (uint32_t i = 0; i < section(b, PLAN_SECTION_PACKED)->count; i += 31) {
        unsigned char *data = b.data + section(b, PLAN_SECTION_PACKED_DATA)->offset + packed_of(b)[i].offset;
        data[packed_of(b)[i].bytes / 2] ^= 4;
        struct plan plan;
        struct rt_session s;
        struct error err = {0};
        assert_true(plan_open(&plan, write_bytes(b), NULL));
        assert_false(
            rt_session_open(&s, &plan, plan.programs, &(struct rt_session_setup){.threads = 1}, &err));
        assert_non_null(strstr(err.message, "checksum"));
        plan_close(&plan);
        data[packed_of(b)[i].bytes / 2] ^= 4;
    }
}

// What XNNPACK would not make so is packed anew: too few bytes would be read past.
static void test_wrong_entries(void **state) {
    (void)state;
    struct bytes b = read_bytes(write_plan(true));
    for (uint32_t i = 0; i < section(b, PLAN_SECTION_PACKED)->count; i += 3) {
        struct plan_packed *p = &packed_of(b)[i];
        if (i % 2) p->bytes -= PLAN_ALIGNMENT;
        else p->seed++;
    }
    repair(b, PLAN_SECTION_PACKED);
    expect_same_frames(b);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        uint64_t offset, bytes;
    } bad[] = {{1, 64}, {0, UINT64_MAX}, {UINT64_MAX - 63, 128}, {(uint64_t)1 << 40, 64}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bytes b = read_bytes(write_plan(true));
        struct plan plan;
        struct error err = {0};
        packed_of(b)[5].offset = bad[i].offset;
        packed_of(b)[5].bytes = bad[i].bytes;
        repair(b, PLAN_SECTION_PACKED);
        assert_false(plan_check(&plan, b.data, b.size, &err));
        assert_non_null(strstr(err.message, "packed weights 5"));
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, test_setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_sharing),      TEST(test_panels), TEST(test_brought),
                                       TEST(test_other_layout), TEST(test_damage), TEST(test_wrong_entries),
                                       TEST(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
