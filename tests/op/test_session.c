// The public interface: the stream of latents and frames, the caches between them, and its errors.
#include "tests/op/harness.h"

#include "wan/wan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PIXELS = 6, CHANNELS = 2, LATENT = CHANNELS * PIXELS };

static struct plan_op copy_op(uint32_t from, uint32_t to) {
    return (struct plan_op){.kind = PLAN_OP_COPY,
                            .in = {from, PLAN_NONE, PLAN_NONE},
                            .out = to,
                            .scratch = PLAN_NONE,
                            .constant = {PLAN_NONE, PLAN_NONE, PLAN_NONE}};
}

static struct plan_op add_op(uint32_t a, uint32_t b, uint32_t to) {
    struct plan_op op = copy_op(a, to);
    op.kind = PLAN_OP_BINARY;
    op.in[1] = b;
    return op;
}

struct options {
    bool wide;     // the plan has a second size, 2x6
    bool image;    // no later steps
    uint32_t kept; // the first step gives two frames like the others, of which so many belong to the video
};

static void add_program(struct plan_writer *w, uint32_t width, const struct options *o) {
    uint64_t count = CHANNELS * 2 * width;
    struct plan_program *g = plan_writer_add_program(w);
    *g = (struct plan_program){.latent_channels = CHANNELS,
                               .latent_height = 2,
                               .latent_width = width,
                               .frame_channels = CHANNELS,
                               .frame_height = 2,
                               .frame_width = width,
                               .variant = {{.frames = o->kept ? 2 : 1}, {.frames = o->image ? 0 : 2}},
                               .cache_bytes = count * sizeof(float)};
    plan_writer_cache(
        w,
        (struct plan_cache){
            .frames = 1, .height = 2, .width = width, .channels = CHANNELS, .bytes = count * sizeof(float)});
    struct plan_view input = planar_view(1, 2, width, CHANNELS), frame = input, second = input,
                     cache = dense_view(1, 2, width, CHANNELS);
    input.space = PLAN_INPUT;
    frame.space = second.space = PLAN_OUTPUT;
    second.offset = count;
    cache.space = PLAN_CACHE;
    uint32_t in = plan_writer_view(w, input), out = plan_writer_view(w, frame),
             kept = plan_writer_view(w, cache);
    uint32_t sum = plan_writer_view(w, second);
    plan_writer_op(w, PLAN_FIRST, copy_op(in, out));
    if (o->kept) plan_writer_op(w, PLAN_FIRST, add_op(in, kept, sum));
    plan_writer_op(w, PLAN_FIRST, copy_op(in, kept));
    if (o->image) return;
    plan_writer_op(w, PLAN_STEADY, copy_op(in, out));
    plan_writer_op(w, PLAN_STEADY, add_op(in, kept, sum));
    plan_writer_op(w, PLAN_STEADY, copy_op(in, kept));
}

// One frame in the first step, the latent; two in every later one, the latent and the sum with the previous
// latent.
static const char *write_plan(struct arena *a, const struct options *o) {
    struct plan_writer *w = plan_writer_new(a);
    add_program(w, 3, o);
    if (o->wide) add_program(w, 6, o);
    plan_writer_info(w)->first_kept = o->kept;
    plan_writer_note(w, "warning: a note");
    struct error err = {0};
    const char *path = test_path();
    if (!plan_writer_save(w, path, &err)) fail_msg("%s", err.message);
    return path;
}

struct fixture {
    struct arena arena;
    struct wan_plan *plan;
    struct wan_session *session;
};
static struct fixture fixture;

static int open_session(void **state) {
    test_setup(state);
    struct wan_error error = {0};
    fixture.plan = wan_plan_open(write_plan(&fixture.arena, &(struct options){0}), NULL, &error);
    assert_non_null(fixture.plan);
    fixture.session = wan_session_new(fixture.plan, NULL, &error);
    assert_non_null(fixture.session);
    return 0;
}

static int close_session(void **state) {
    wan_session_free(fixture.session);
    wan_plan_close(fixture.plan);
    arena_free(&fixture.arena);
    return test_teardown(state);
}

static void expect_frame(const float *latent, const float *previous) {
    const float *frame = wan_session_receive(fixture.session);
    assert_non_null(frame);
    for (int i = 0; i < LATENT; i++)
        assert_true(frame[i] == latent[i] + (previous == NULL ? 0 : previous[i]));
}

static void send(const float *latent) {
    struct wan_error error = {0};
    if (wan_session_send(fixture.session, latent, &error) != WAN_OK) fail_msg("%s", error.message);
}

static void test_stream(void **state) {
    (void)state;
    struct wan_plan_params params = {.size = sizeof params};
    wan_plan_get_params(fixture.plan, &params);
    assert_int_equal(params.latent_width, 3);
    assert_int_equal(params.first_frames, 1);
    assert_int_equal(params.first_kept, 1);
    assert_int_equal(params.steady_frames, 2);
    assert_true(params.peak_bytes > 0);
    assert_null(wan_session_receive(fixture.session));
    const float *previous = NULL;
    for (int video = 0; video < 2; video++) {
        for (int step = 0; step < 4; step++) {
            const float *latent = test_random(LATENT);
            send(latent);
            expect_frame(latent, NULL);
            if (step > 0) expect_frame(latent, previous);
            assert_null(wan_session_receive(fixture.session));
            previous = latent;
        }
        wan_session_reset(fixture.session);
    }
}

static void test_frames_must_be_received(void **state) {
    (void)state;
    const float *latent = test_random(LATENT);
    struct wan_error error = {0};
    send(latent);
    assert_int_equal(wan_session_send(fixture.session, latent, &error), WAN_ERROR_STATE);
    assert_non_null(strstr(error.message, "not received"));
    assert_int_equal(wan_session_send(fixture.session, latent, NULL), WAN_ERROR_STATE);
    expect_frame(latent, NULL);
    send(latent);
    wan_session_reset(fixture.session); // drops the frames
    send(latent);
    expect_frame(latent, NULL);
    assert_null(wan_session_receive(fixture.session));
}

static void test_bad_latents(void **state) {
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        float *latent = test_random(LATENT);
        latent[1 * PIXELS + 1 * 3 + 2] = bad[i];
        struct wan_error error = {0};
        assert_int_equal(wan_session_send(fixture.session, latent, &error), WAN_ERROR_INPUT);
        assert_int_equal(error.status, WAN_ERROR_INPUT);
        assert_non_null(strstr(error.message, "channel 1, row 1, column 2"));
        assert_null(wan_session_receive(fixture.session));
    }
    const float *latent = test_random(LATENT); // nothing was decoded, so the stream goes on
    send(latent);
    expect_frame(latent, NULL);
}

static void test_open_errors(void **state) {
    (void)state;
    struct wan_error error = {0};
    assert_null(wan_plan_open("/nonexistent/plan.bin", NULL, &error));
    assert_int_equal(error.status, WAN_ERROR_IO);
    assert_non_null(strstr(error.message, "/nonexistent/plan.bin"));
    assert_null(wan_plan_open("/nonexistent/plan.bin", NULL, NULL));
    assert_null(wan_session_new(
        fixture.plan,
        &(struct wan_session_params){.size = sizeof(struct wan_session_params), .threads = 100000}, &error));
    assert_non_null(strstr(error.message, "100000 threads"));
    wan_session_free(NULL);
    wan_plan_close(NULL);
    assert_non_null(wan_version());
}

static void test_sessions_share_a_plan(void **state) {
    (void)state;
    struct wan_session *other = wan_session_new(
        fixture.plan, &(struct wan_session_params){.size = sizeof(struct wan_session_params), .threads = 2},
        NULL);
    assert_non_null(other);
    const float *a = test_random(LATENT), *b = test_random(LATENT);
    send(a);
    assert_int_equal(wan_session_send(other, b, NULL), WAN_OK);
    expect_frame(a, NULL);
    assert_memory_equal(wan_session_receive(other), b, LATENT * sizeof *b);
    wan_session_free(other);
}

// ---- states

static const char *save_state(void) {
    struct wan_error error = {0};
    const char *path = test_path();
    if (wan_session_save(fixture.session, path, &error) != WAN_OK) fail_msg("%s", error.message);
    return path;
}

static void test_state(void **state) {
    (void)state;
    const float *a = test_random(LATENT), *b = test_random(LATENT), *c = test_random(LATENT);
    struct wan_session *other = wan_session_new(fixture.plan, NULL, NULL);
    struct wan_state read = {.size = sizeof read};
    send(a);
    expect_frame(a, NULL);
    send(b);
    expect_frame(b, NULL);
    expect_frame(b, a);
    const char *path = save_state();
    assert_int_equal(wan_state_read(path, &read, NULL), WAN_OK);
    assert_int_equal(read.steps, 2);
    assert_int_equal(read.latent_width, 3);
    assert_int_equal(wan_session_load(other, path, NULL), WAN_OK);
    assert_int_equal(wan_session_steps(other), 2);
    wan_session_free(fixture.session);
    fixture.session = other;
    send(c); // as if it had seen a and b
    expect_frame(c, NULL);
    expect_frame(c, b);
    assert_int_equal(wan_session_load(other, path, NULL), WAN_OK); // back in time
    send(a);
    expect_frame(a, NULL);
    expect_frame(a, b);
    wan_session_reset(other);
    assert_int_equal(wan_session_steps(other), 0);
    send(c);
    expect_frame(c, NULL);
    assert_null(wan_session_receive(other));
}

static void test_state_when_there_is_none(void **state) {
    (void)state;
    struct wan_error error = {0};
    const char *path = test_path();
    assert_int_equal(wan_session_save(fixture.session, path, &error), WAN_ERROR_STATE);
    assert_non_null(strstr(error.message, "no latent"));
    send(test_random(LATENT));
    assert_int_equal(wan_session_save(fixture.session, path, &error), WAN_ERROR_STATE);
    assert_non_null(strstr(error.message, "not received"));
    wan_session_receive(fixture.session);
    assert_int_equal(wan_session_save(fixture.session, "/nonexistent/state", &error), WAN_ERROR_IO);
}

// Every byte of the file matters, and a refused one leaves the session as it was.
static void test_damaged_states(void **state) {
    (void)state;
    const float *a = test_random(LATENT), *b = test_random(LATENT);
    send(a);
    expect_frame(a, NULL);
    const char *path = save_state();
    unsigned char bytes[1024];
    FILE *f = fopen(path, "rb");
    size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    for (size_t i = 0; i <= size; i++) { // at last one byte is missing
        const char *bad = test_path();
        f = fopen(bad, "wb");
        if (i < size) bytes[i] ^= 0x20;
        fwrite(bytes, 1, size - (i == size), f);
        fclose(f);
        if (i < size) bytes[i] ^= 0x20;
        assert_int_not_equal(wan_session_load(fixture.session, bad, NULL), WAN_OK);
        remove(bad);
    }
    send(b);
    expect_frame(b, NULL);
    expect_frame(b, a);
}

// The fixture's plan and session in place of those that were opened.
static void reopen(const struct options *options, const struct wan_session_params *params) {
    struct wan_error error = {0};
    wan_session_free(fixture.session);
    wan_plan_close(fixture.plan);
    fixture.session = NULL;
    fixture.plan = wan_plan_open(write_plan(&fixture.arena, options), NULL, &error);
    if (fixture.plan == NULL) fail_msg("%s", error.message);
    fixture.session = wan_session_new(fixture.plan, params, &error);
    if (fixture.session == NULL) fail_msg("%s", error.message);
}

static void test_sizes(void **state) {
    (void)state;
    reopen(&(struct options){.wide = true},
           &(struct wan_session_params){
               .size = sizeof(struct wan_session_params), .latent_height = 2, .latent_width = 6});
    struct wan_plan_params params[2] = {{.size = sizeof *params}, {.size = sizeof *params}}, none = *params;
    assert_int_equal(wan_plan_get_size(fixture.plan, 0, &params[0]), 1);
    assert_int_equal(wan_plan_get_size(fixture.plan, 1, &params[1]), 1);
    assert_int_equal(wan_plan_get_size(fixture.plan, 2, &none), 0);
    assert_int_equal(params[0].latent_width, 3);
    assert_int_equal(params[1].latent_width, 6);
    assert_int_equal(params[1].frame_width, 6);
    struct wan_session *narrow = wan_session_new(fixture.plan, NULL, NULL); // the first one
    const float *small = test_random(LATENT), *next = test_random(LATENT);
    float *a = test_random(2 * LATENT), *b = test_random(2 * LATENT);
    send(a);
    assert_memory_equal(wan_session_receive(fixture.session), a, 2 * LATENT * sizeof *a);
    assert_int_equal(wan_session_send(narrow, small, NULL), WAN_OK);
    assert_memory_equal(wan_session_receive(narrow), small, LATENT * sizeof *small);
    send(b); // each has caches of its own
    assert_int_equal(wan_session_send(narrow, next, NULL), WAN_OK);
    assert_non_null(wan_session_receive(fixture.session));
    assert_non_null(wan_session_receive(narrow));
    const float *wide_sum = wan_session_receive(fixture.session), *narrow_sum = wan_session_receive(narrow);
    for (int i = 0; i < 2 * LATENT; i++) assert_true(wide_sum[i] == a[i] + b[i]);
    for (int i = 0; i < LATENT; i++) assert_true(narrow_sum[i] == small[i] + next[i]);
    wan_session_free(narrow);
}

static void test_state_of_another_size(void **state) {
    (void)state;
    struct wan_error error = {0};
    reopen(&(struct options){.wide = true}, NULL);
    struct wan_session *wide =
        wan_session_new(fixture.plan,
                        &(struct wan_session_params){
                            .size = sizeof(struct wan_session_params), .latent_height = 2, .latent_width = 6},
                        NULL);
    send(test_random(LATENT));
    wan_session_receive(fixture.session);
    assert_int_equal(wan_session_load(wide, save_state(), &error), WAN_ERROR_INPUT);
    assert_non_null(strstr(error.message, "of latents of 2x3, expected 2x6"));
    wan_session_free(wide);
}

static void test_no_such_size(void **state) {
    (void)state;
    reopen(&(struct options){.wide = true}, NULL);
    struct wan_error error = {0};
    const struct wan_session_params wanted[] = {
        {.size = sizeof *wanted, .latent_height = 3, .latent_width = 2},
        {.size = sizeof *wanted, .latent_width = 6}};
    for (int i = 0; i < 2; i++) {
        assert_null(wan_session_new(fixture.plan, &wanted[i], &error));
        assert_int_equal(error.status, WAN_ERROR_INPUT);
        assert_non_null(strstr(error.message, "the plan has 2x3, 2x6"));
    }
}

static void test_one_latent_frame(void **state) {
    (void)state;
    reopen(&(struct options){.image = true}, NULL);
    struct wan_plan_params params = {.size = sizeof params};
    wan_plan_get_params(fixture.plan, &params);
    assert_int_equal(params.first_frames, 1);
    assert_int_equal(params.steady_frames, 0);
    for (int image = 0; image < 2; image++) {
        const float *latent = test_random(LATENT);
        struct wan_error error = {0};
        send(latent);
        expect_frame(latent, NULL);
        assert_null(wan_session_receive(fixture.session));
        assert_int_equal(wan_session_send(fixture.session, latent, &error), WAN_ERROR_STATE);
        assert_string_equal(error.message, "this plan decodes one latent frame");
        assert_null(wan_session_receive(fixture.session));
        wan_session_reset(fixture.session);
    }
}

static void test_first_kept(void **state) {
    (void)state;
    for (int all = 0; all < 2; all++) {
        reopen(&(struct options){.kept = 1},
               &(struct wan_session_params){.size = sizeof(struct wan_session_params), .all_frames = all});
        struct wan_plan_params params = {.size = sizeof params};
        wan_plan_get_params(fixture.plan, &params);
        assert_int_equal(params.first_frames, 2);
        assert_int_equal(params.first_kept, 1);
        const float *latent = test_random(LATENT), *zeros = test_alloc(LATENT, sizeof(float));
        for (int video = 0; video < 2; video++) {
            send(latent);
            if (all) expect_frame(latent, NULL);
            expect_frame(latent, zeros); // the last one
            assert_null(wan_session_receive(fixture.session));
            send(latent);
            expect_frame(latent, NULL);
            expect_frame(latent, latent);
            wan_session_reset(fixture.session);
        }
    }
}

static void test_notes(void **state) {
    (void)state;
    assert_string_equal(wan_plan_note(fixture.plan, 0), "warning: a note");
    assert_null(wan_plan_note(fixture.plan, 1));
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_session, close_session)
    const struct CMUnitTest tests[] = {TEST(test_stream),
                                       TEST(test_frames_must_be_received),
                                       TEST(test_bad_latents),
                                       TEST(test_open_errors),
                                       TEST(test_sessions_share_a_plan),
                                       TEST(test_sizes),
                                       TEST(test_no_such_size),
                                       TEST(test_one_latent_frame),
                                       TEST(test_first_kept),
                                       TEST(test_notes),
                                       TEST(test_state),
                                       TEST(test_state_when_there_is_none),
                                       TEST(test_damaged_states),
                                       TEST(test_state_of_another_size)};
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
