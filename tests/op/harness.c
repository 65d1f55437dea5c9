#define _GNU_SOURCE
#include "tests/op/harness.h"

#include "base/size.h"
#include "wan/wan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct arena test_arena;
static char *paths[256];
static int path_count;
static uint64_t random_state;

int test_setup(void **state) {
    (void)state;
    random_state = 88172645463325252u;
    return 0;
}

int test_teardown(void **state) {
    (void)state;
    while (path_count > 0) {
        unlink(paths[--path_count]);
        free(paths[path_count]);
    }
    arena_free(&test_arena);
    return 0;
}

void *test_alloc(size_t count, size_t size) { return arena_array(&test_arena, count, size); }

float *test_random(size_t count) {
    float *f = test_alloc(count, sizeof *f);
    for (size_t i = 0; i < count; i++) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        f[i] = (float)(random_state >> 40) / (float)(1 << 23) - 1;
    }
    return f;
}

const char *test_path(void) {
    const char *dir = getenv("TMPDIR");
    assert_in_range(path_count, 0, 255);
    assert_true(asprintf(&paths[path_count], "%s/wanc-test-%ld-%d.plan", dir == NULL ? "/tmp" : dir,
                         (long)getpid(), path_count) > 0);
    return paths[path_count++];
}

struct plan_view dense_view(uint32_t frames, uint32_t height, uint32_t width, uint32_t channels) {
    uint64_t pixel = channels, row = pixel * width, frame = row * height;
    return (struct plan_view){PLAN_ARENA, 0, frames, height, width, channels, 0, frame, row, pixel, 1};
}

struct plan_view window_view(uint32_t frames, uint32_t height, uint32_t width, uint32_t channels,
                             uint64_t gap) {
    uint64_t pixel = (uint64_t)channels * frames + gap;
    return (struct plan_view){PLAN_ARENA, 0,        frames,        height, width, channels,
                              0,          channels, pixel * width, pixel,  1};
}

struct plan_view planar_view(uint32_t frames, uint32_t height, uint32_t width, uint32_t channels) {
    uint64_t plane = (uint64_t)height * width;
    return (struct plan_view){PLAN_ARENA,       0,     frames, height, width, channels, 0,
                              plane * channels, width, 1,      plane};
}

size_t view_end(const struct plan_view *v) { return v->frames == 0 ? 0 : v->offset + plan_view_extent(v); }

float *make_input(struct op_case *c) {
    size_t end = 0;
    for (int i = 0; i < 3; i++) {
        if (c->in[i].frames == 0) continue;
        c->in[i].offset += end;
        end = view_end(&c->in[i]);
    }
    return test_random(end);
}

static size_t input_floats(const struct op_case *c) {
    size_t end = 0;
    for (int i = 0; i < 3; i++) end = view_end(&c->in[i]) > end ? view_end(&c->in[i]) : end;
    return end;
}

struct expected make_expected(const struct op_case *c) {
    size_t count = view_end(&c->out);
    return (struct expected){count, test_alloc(count, sizeof(double)), test_alloc(count, sizeof(double))};
}

void expect_at(struct expected *e, size_t at, double value, double slack) {
    assert_true(at < e->count);
    e->value[at] = value;
    e->slack[at] = slack;
}

// ---- the plan

static void fill_from_memory(const void *context, uint64_t first, uint64_t count, float *out) {
    memcpy(out, (const float *)context + first, count * sizeof *out);
}

struct plan_writer *test_writer(void) {
    return plan_writer_new(&test_arena);
}

uint32_t test_constant(struct plan_writer *w, const float *data, uint32_t count) {
    return data == NULL ? PLAN_NONE : plan_writer_constant(w, "constant", count, fill_from_memory, data);
}

static uint32_t add_view(struct plan_writer *w, struct plan_view view, enum plan_space space) {
    if (view.frames == 0) return PLAN_NONE;
    view.space = space;
    return plan_writer_view(w, view);
}

static void add_op(struct plan_writer *w, const struct op_case *c, const uint32_t constants[3]) {
    struct plan_op op = c->op;
    op.name = plan_writer_string(w, "node");
    for (int i = 0; i < 3; i++) op.in[i] = add_view(w, c->in[i], PLAN_INPUT);
    op.out = add_view(w, c->out, PLAN_OUTPUT);
    op.scratch = add_view(w, c->scratch, PLAN_ARENA);
    memcpy(op.constant, constants, sizeof op.constant);
    for (int v = 0; v < PLAN_VARIANTS; v++) {
        plan_writer_op(w, v, op);
        if (c->scratch.frames == 0) continue;
        uint64_t bytes = view_end(&c->scratch) * sizeof(float);
        plan_writer_buffer(w, v, (struct plan_buffer){.name = op.name, .bytes = bytes});
        plan_writer_program(w)->variant[v].arena_bytes = size_align(bytes, PLAN_ALIGNMENT);
    }
}

const char *write_case(const struct op_case *c, size_t input_count, size_t output_count, struct error *err) {
    struct plan_writer *w = test_writer();
    uint32_t constants[3];
    for (int i = 0; i < 3; i++) constants[i] = test_constant(w, c->constant[i], c->constant_count[i]);
    *plan_writer_add_program(w) = (struct plan_program){.latent_channels = 1,
                                                        .latent_height = 1,
                                                        .latent_width = (uint32_t)input_count,
                                                        .frame_channels = 1,
                                                        .frame_height = 1,
                                                        .frame_width = (uint32_t)output_count,
                                                        .variant = {{.frames = 1}, {.frames = 1}}};
    add_op(w, c, constants);
    const char *path = test_path();
    return plan_writer_save(w, path, err) ? path : NULL;
}

// ---- running it

static void run_steps(const char *path, const float *input, unsigned threads, float *first, float *steady,
                      size_t count) {
    struct wan_error error = {0};
    struct wan_plan *plan = wan_plan_open(path, NULL, &error);
    if (plan == NULL) fail_msg("%s", error.message);
    struct wan_session *session = wan_session_new(
        plan, &(struct wan_session_params){.size = sizeof(struct wan_session_params), .threads = threads},
        &error);
    if (session == NULL) fail_msg("%s", error.message);
    float *const results[2] = {first, steady};
    for (int i = 0; i < 2; i++) {
        if (wan_session_send(session, input, &error) != WAN_OK) fail_msg("%s", error.message);
        const float *frame = wan_session_receive(session);
        assert_non_null(frame);
        memcpy(results[i], frame, count * sizeof *frame);
        assert_null(wan_session_receive(session));
    }
    wan_session_free(session);
    wan_plan_close(plan);
}

void compare(const char *name, const float *got, const struct expected *e) {
    for (size_t i = 0; i < e->count; i++) {
        double difference = fabs((double)got[i] - e->value[i]);
        if (difference <= e->slack[i]) continue;
        fail_msg("%s: float %zu of %zu is %.9g, expected %.9g within %.3g", name, i, e->count, (double)got[i],
                 e->value[i], e->slack[i]);
    }
}

// Threads of pthreadpool spin. Where there are more of them than cores, 94 % of a test's time was that: so only every
// third case runs with 3 threads, which is no divisor of the numbers of shapes, and meets each of them.
void check_case(const char *name, const struct op_case *c, const float *input, const struct expected *e) {
    struct error err = {0};
    const char *path = write_case(c, input_floats(c), e->count, &err);
    if (path == NULL) fail_msg("%s: %s", name, err.message);
    float *reference = NULL;
    static unsigned cases;
    unsigned most = cases++ % 3 == 0 ? 3 : 2;
    for (unsigned threads = 1; threads <= most; threads++) {
        float *first = test_alloc(e->count, sizeof *first), *steady = test_alloc(e->count, sizeof *steady);
        run_steps(path, input, threads, first, steady, e->count);
        if (reference == NULL) compare(name, reference = first, e);
        if (memcmp(first, reference, e->count * sizeof *first) != 0 ||
            memcmp(steady, reference, e->count * sizeof *steady) != 0) {
            fail_msg("%s: other bits with %u threads or in the second step", name, threads);
        }
    }
}
