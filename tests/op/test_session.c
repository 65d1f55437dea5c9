// The public interface: the stream of latents and frames, the caches between them, and its errors.
#include "tests/op/harness.h"

#include "runtime/wan.h"

#include <math.h>
#include <string.h>

enum { PIXELS = 6, CHANNELS = 2, LATENT = CHANNELS * PIXELS };

static struct plan_op copy_op(uint32_t from, uint32_t to) {
    return (struct plan_op){.kind = PLAN_OP_COPY,
                            .in = {from, PLAN_NONE, PLAN_NONE},
                            .out = to,
                            .scratch = PLAN_NONE,
                            .constant = {PLAN_NONE, PLAN_NONE}};
}

static struct plan_op add_op(uint32_t a, uint32_t b, uint32_t to) {
    struct plan_op op = copy_op(a, to);
    op.kind = PLAN_OP_BINARY;
    op.in[1] = b;
    return op;
}

// One frame in the first step, the latent; two in every later one, the latent and the sum with the previous
// latent.
static const char *write_plan(struct arena *a) {
    struct plan_writer *w = plan_writer_new(a);
    *plan_writer_info(w) = (struct plan_info){.latent_channels = CHANNELS,
                                              .latent_height = 2,
                                              .latent_width = 3,
                                              .frame_channels = CHANNELS,
                                              .frame_height = 2,
                                              .frame_width = 3,
                                              .variant = {{.frames = 1}, {.frames = 2}},
                                              .cache_bytes = LATENT * sizeof(float)};
    plan_writer_cache(
        w, (struct plan_cache){
               .frames = 1, .height = 2, .width = 3, .channels = CHANNELS, .bytes = LATENT * sizeof(float)});
    struct plan_view input = planar_view(1, 2, 3, CHANNELS), frame = input, second = input,
                     cache = dense_view(1, 2, 3, CHANNELS);
    input.space = PLAN_INPUT;
    frame.space = second.space = PLAN_OUTPUT;
    second.offset = LATENT;
    cache.space = PLAN_CACHE;
    uint32_t in = plan_writer_view(w, input), out = plan_writer_view(w, frame),
             kept = plan_writer_view(w, cache);
    uint32_t sum = plan_writer_view(w, second);
    plan_writer_op(w, PLAN_FIRST, copy_op(in, out));
    plan_writer_op(w, PLAN_FIRST, copy_op(in, kept));
    plan_writer_op(w, PLAN_STEADY, copy_op(in, out));
    plan_writer_op(w, PLAN_STEADY, add_op(in, kept, sum));
    plan_writer_op(w, PLAN_STEADY, copy_op(in, kept));
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
    fixture.plan = wan_plan_open(write_plan(&fixture.arena), &error);
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
    struct wan_plan_params params;
    wan_plan_get_params(fixture.plan, &params);
    assert_int_equal(params.latent_width, 3);
    assert_int_equal(params.first_frames, 1);
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
    assert_null(wan_plan_open("/nonexistent/plan.bin", &error));
    assert_int_equal(error.status, WAN_ERROR_IO);
    assert_non_null(strstr(error.message, "/nonexistent/plan.bin"));
    assert_null(wan_plan_open("/nonexistent/plan.bin", NULL));
    assert_null(wan_session_new(fixture.plan, &(struct wan_session_params){.threads = 100000}, &error));
    assert_non_null(strstr(error.message, "100000 threads"));
    wan_session_free(NULL);
    wan_plan_close(NULL);
    assert_non_null(wan_version());
}

static void test_sessions_share_a_plan(void **state) {
    (void)state;
    struct wan_session *other =
        wan_session_new(fixture.plan, &(struct wan_session_params){.threads = 2}, NULL);
    assert_non_null(other);
    const float *a = test_random(LATENT), *b = test_random(LATENT);
    send(a);
    assert_int_equal(wan_session_send(other, b, NULL), WAN_OK);
    expect_frame(a, NULL);
    assert_memory_equal(wan_session_receive(other), b, LATENT * sizeof *b);
    wan_session_free(other);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_session, close_session)
    const struct CMUnitTest tests[] = {TEST(test_stream), TEST(test_frames_must_be_received),
                                       TEST(test_bad_latents), TEST(test_open_errors),
                                       TEST(test_sessions_share_a_plan)};
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
