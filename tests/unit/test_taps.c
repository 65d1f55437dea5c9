// Taps of a plan: which are accepted, and that a session reads the tensors that they describe.
#include "tests/op/harness.h"
#include "tests/unit/plan_example.h"

#include "wan/wan.h"

#include <string.h>

enum { FRAMES = 2, HEIGHT = 2, WIDTH = 3, CHANNELS = 4, COUNT = FRAMES * HEIGHT * WIDTH * CHANNELS };

// ---- the check

static struct plan_tap norm_tap(void) {
    return (struct plan_tap){.op = NORM,
                             .rank = 4,
                             .shape = {1, C, H, W},
                             .part_count = 2,
                             .extent = {C, H * W},
                             .stride = {1, C}};
}

// The view that the norm writes is found in a plan without taps.
static uint32_t view_of_norm(void) {
    struct arena arena = {0};
    struct plan p;
    struct error err = {0};
    if (!plan_writer_open(make_plan(&arena, 1, true), &p, &err)) fail_msg("%s", err.message);
    uint32_t view = p.ops[NORM].out;
    plan_close(&p);
    arena_free(&arena);
    return view;
}

static void expect(const struct plan_tap *taps, int count, const char *message) {
    struct arena arena = {0};
    struct plan_writer *w = make_plan(&arena, 1, true);
    struct plan p;
    struct error err = {0};
    for (int i = 0; i < count; i++) plan_writer_tap(w, PLAN_FIRST, taps[i]);
    bool ok = plan_writer_open(w, &p, &err);
    if (ok) plan_close(&p);
    if (ok != (message == NULL))
        fail_msg("%s: %s", message ? message : "a good tap", ok ? "accepted" : err.message);
    if (!ok && strstr(err.message, message) == NULL) fail_msg("\"%s\" has no \"%s\"", err.message, message);
    arena_free(&arena);
}

#define EXPECT(message, ...)                                                                                 \
    do {                                                                                                     \
        struct plan_tap t = norm_tap();                                                                      \
        t.view = view_of_norm();                                                                             \
        __VA_ARGS__;                                                                                         \
        expect(&t, 1, message);                                                                              \
    } while (0)

static void test_check(void **state) {
    (void)state;
    EXPECT(NULL, t.op = NORM);
    EXPECT(NULL, t.op = NORM; t.extent[0] = 1; t.part_count = 3; t.extent[1] = C; t.stride[1] = 1;
           t.stride[0] = 1000; t.extent[2] = H * W; t.stride[2] = C);
    EXPECT("tap 0: operator 12 of 12", t.op = 12);
    EXPECT("tap 0: its view: view 1000", t.view = 1000);
    EXPECT("alive from operator", t.op = OUT);
    EXPECT("tap 0: string", t.name = 1000000);
    EXPECT("not those of its view", t.rank = 9);
    EXPECT("not those of its view", t.shape[1] = C + 1);
    EXPECT("not those of its view", t.shape[4] = 1);
    EXPECT("not those of its view", t.extent[1] = H);
    EXPECT("not those of its view", t.part_count = 1);
    EXPECT("not those of its view", t.part_count = 0xffffffff);
    EXPECT("not those of its view", t.stride[1] = C + 1);
    EXPECT("not those of its view", t.stride[2] = 1);
    EXPECT("not those of its view", t.stride[1] = 0xffffffff; t.stride[0] = 0xffffffff);
    struct plan_tap twice[2] = {norm_tap(), norm_tap()};
    twice[0].view = twice[1].view = view_of_norm();
    expect(twice, 2, "tap 1: operator 1 of 12, or not behind the one before");
}

// ---- a session

// Copies the input to a buffer whose channels, columns and rows have odd strides, and gives that; its tensor is [1,C,T,H,W].
static const char *write_plan(void) {
    static struct arena arena;
    struct plan_writer *w = plan_writer_new(&arena);
    *plan_writer_add_program(w) = (struct plan_program){.latent_channels = FRAMES * CHANNELS,
                                                        .latent_height = HEIGHT,
                                                        .latent_width = WIDTH,
                                                        .frame_channels = CHANNELS,
                                                        .frame_height = HEIGHT,
                                                        .frame_width = WIDTH,
                                                        .variant = {{.frames = FRAMES}}};
    struct plan_view in = planar_view(FRAMES, HEIGHT, WIDTH, CHANNELS), out = in,
                     wide = dense_view(FRAMES, HEIGHT, WIDTH, CHANNELS);
    in.space = PLAN_INPUT, out.space = PLAN_OUTPUT, wide.space = PLAN_ARENA;
    wide.pixel_stride = CHANNELS + 1, wide.row_stride = 2 * WIDTH * wide.pixel_stride;
    wide.frame_stride = HEIGHT * wide.row_stride;
    uint64_t bytes = sizeof(float) * FRAMES * wide.frame_stride;
    wide.index = plan_writer_buffer(w, PLAN_FIRST, (struct plan_buffer){.last_op = 1, .bytes = bytes});
    plan_writer_program(w)->variant[PLAN_FIRST].arena_bytes = bytes;
    struct plan_op copy = {.kind = PLAN_OP_COPY,
                           .in = {plan_writer_view(w, in), PLAN_NONE, PLAN_NONE},
                           .out = plan_writer_view(w, wide),
                           .scratch = PLAN_NONE,
                           .constant = {PLAN_NONE, PLAN_NONE, PLAN_NONE}};
    plan_writer_op(w, PLAN_FIRST, copy);
    plan_writer_tap(w, PLAN_FIRST,
                    (struct plan_tap){.op = 0,
                                      .name = plan_writer_string(w, "a/b"),
                                      .view = copy.out,
                                      .rank = 5,
                                      .shape = {1, CHANNELS, FRAMES, HEIGHT, WIDTH},
                                      .part_count = 2,
                                      .extent = {CHANNELS, FRAMES * HEIGHT * WIDTH},
                                      .stride = {1, CHANNELS}});
    copy.in[0] = copy.out, copy.out = plan_writer_view(w, out);
    plan_writer_op(w, PLAN_FIRST, copy);
    struct error err = {0};
    const char *path = test_path();
    if (!plan_writer_save(w, path, &err)) fail_msg("%s", err.message);
    arena_free(&arena);
    return path;
}

struct watch {
    struct wan_session *session;
    struct wan_tensor tensor;
    float values[COUNT];
    int calls;
};

static void observe(void *context, int steady, size_t index, uint64_t begin, uint64_t end, uint64_t product) {
    struct watch *w = context;
    (void)begin, (void)end, (void)product;
    w->calls += wan_session_tensor(w->session, steady, index, &w->tensor, w->values);
}

static void test_session(void **state) {
    (void)state;
    struct watch w = {.tensor.size = sizeof w.tensor, .calls = 0};
    struct wan_error error = {0};
    struct wan_plan *plan = wan_plan_open(write_plan(), NULL, &error);
    if (plan == NULL) fail_msg("%s", error.message);
    struct wan_session_params params = {
        .size = sizeof params, .threads = 1, .observer = observe, .observer_context = &w};
    w.session = wan_session_new(plan, &params, &error);
    float latent[COUNT]; // planes of CHANNELS * FRAMES + channel: [t][c][y][x]
    for (int i = 0; i < COUNT; i++) latent[i] = (float)i;
    assert_int_equal(WAN_OK, wan_session_send(w.session, latent, &error));
    assert_int_equal(1, w.calls); // the second operator leaves no tensor
    assert_string_equal("a/b", w.tensor.name);
    assert_int_equal(5, w.tensor.rank);
    assert_int_equal(COUNT, w.tensor.count);
    const int plane = HEIGHT * WIDTH;
    for (int c = 0; c < CHANNELS; c++) {
        for (int t = 0; t < FRAMES; t++) {
            for (int i = 0; i < plane; i++)
                assert_true(w.values[(c * FRAMES + t) * plane + i] == latent[(t * CHANNELS + c) * plane + i]);
        }
    }
    wan_session_free(w.session);
    wan_plan_close(plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_check, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_session, test_setup, test_teardown),
    };
    return cmocka_run_group_tests_name("taps", tests, NULL, NULL);
}
