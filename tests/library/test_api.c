// libwan as programs use it: plans in memory, callbacks, pools, images of the caller, versions of structures.
#include "tests/library/decoder.h"

#include "base/versioned.h"

#include <math.h>
#include <pthreadpool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *data;
static size_t bytes;
static struct wan_plan *plan;
static const struct wan_session_params one_thread = {.size = sizeof one_thread, .threads = 1};
static struct video whole; // by a session of its own

static int open_plan(void **state) {
    (void)state;
    plan = open_tiny(&data, &bytes, NULL);
    decode_all(plan, NULL, &whole);
    return 0;
}

static int close_plan(void **state) {
    (void)state;
    wan_plan_close(plan);
    wanc_plan_free(data, bytes);
    return 0;
}

static void expect_whole(const struct wan_plan *p, const struct wan_session_params *params) {
    static struct video v;
    memset(&v, 0xff, sizeof v);
    decode_all(p, params, &v);
    assert_memory_equal(&v, &whole, sizeof v);
}

// ---- plans

// The reference is PyTorch's in double precision; the bound is that of tests/e2e.
static void test_reference(void **state) {
    (void)state;
    assert_true(distance_to_reference(&whole) <= 3.5e-4);
    assert_string_equal(wan_version(), wanc_version());
    assert_int_equal(wan_abi_version(), WAN_ABI_VERSION);
    assert_int_equal(wanc_abi_version(), WANC_ABI_VERSION);
}

static void test_plan_in_memory_stays(void **state) {
    (void)state;
    unsigned char *copy = aligned_alloc(WAN_PLAN_ALIGNMENT, (bytes + 127) / 64 * 64);
    memcpy(copy, data, bytes);
    struct wan_plan *p = wan_plan_open_memory(copy, bytes, NULL, NULL);
    assert_non_null(p);
    expect_whole(p, NULL); // packs the weights, and says of a file that they are not needed any more
    assert_memory_equal(copy, data, bytes);
    wan_plan_close(p);
    free(copy);
}

static void test_bad_plan_in_memory(void **state) {
    (void)state;
    struct wan_error error;
    unsigned char *copy = aligned_alloc(WAN_PLAN_ALIGNMENT, (bytes + 127) / 64 * 64);
    memcpy(copy + 4, data, bytes);
    assert_null(wan_plan_open_memory(copy + 4, bytes, NULL, &error));
    assert_int_equal(error.status, WAN_ERROR_ARGUMENT);
    assert_string_equal(error.name, "usage");
    assert_null(wan_plan_open_memory(NULL, bytes, NULL, NULL));
    memcpy(copy, data, bytes);
    assert_null(wan_plan_open_memory(copy, bytes - 1, NULL, &error));
    assert_int_equal(error.status, WAN_ERROR_INPUT);
    assert_string_equal(error.name, "plan-input");
    assert_null(wan_plan_open_memory(copy, 0, NULL, &error));
    copy[bytes / 2] ^= 1;
    assert_null(wan_plan_open_memory(copy, bytes, NULL, &error));
    assert_non_null(strstr(error.message, "checksum"));
    free(copy);
}

// ---- versions of structures

struct newer {
    struct wan_session_params known;
    uint64_t more;
};

static void test_sizes_of_structures(void **state) {
    (void)state;
    struct wan_error error;
    struct wan_session_params none = {.threads = 1};
    assert_null(wan_session_new(plan, &none, &error));
    assert_int_equal(error.status, WAN_ERROR_ARGUMENT);
    assert_non_null(strstr(error.message, "wan_session_params.size"));
    struct newer newer = {.known = {.size = sizeof newer, .threads = 1}};
    expect_whole(plan, &newer.known);
    newer.more = 1;
    assert_null(wan_session_new(plan, &newer.known, &error));
    assert_int_equal(error.status, WAN_ERROR_UNSUPPORTED);
    struct wan_plan_params shape = {0};
    assert_int_equal(wan_plan_get_params(plan, &shape), 0);
    shape.size = sizeof shape;
    assert_int_equal(wan_plan_get_params(plan, &shape), 1);
    assert_int_equal(shape.size, sizeof shape);
    assert_int_equal(shape.frame_width, FRAME_WIDTH);
}

// A caller of version 1 against a library of version 2, and the other way round.
static void test_structures_that_grew(void **state) {
    (void)state;
    struct first {
        size_t size;
        int a;
    } old;
    memset(&old, 0, sizeof old); // its padding, too: a newer structure has a field there
    old.size = sizeof old, old.a = 7;
    struct second {
        size_t size;
        int a, b, c[4];
    } new = {sizeof new, 8, 9, {0}}, taken;
    assert_true(versioned_take(&taken, sizeof taken, sizeof old, &old, "x", NULL));
    assert_true(taken.a == 7 && taken.b == 0 && taken.c[3] == 0);
    struct first small; // b lies in its padding, c[3] behind it
    new.c[3] = 1;
    assert_false(versioned_take(&small, sizeof small, sizeof small, &new, "x", NULL));
    new.c[3] = 0;
    assert_true(versioned_take(&small, sizeof small, sizeof small, &new, "x", NULL));
    assert_int_equal(small.a, 8);
    assert_true(versioned_give(&old, sizeof old, &new, sizeof new));
    assert_true(old.size == sizeof old && old.a == 8);
    struct second wide = {sizeof wide, 1, 2, {3}};
    small = (struct first){sizeof small, 5};
    assert_true(versioned_give(&wide, sizeof small, &small, sizeof small));
    assert_true(wide.size == sizeof wide && wide.a == 5);
}

// Of a session; a caller that was compiled without the field has no limit.
static void test_limit_memory(void **state) {
    (void)state;
    struct wan_error error;
    struct wan_session_params params = one_thread;
    const uint64_t needed = wan_session_forecast(plan, &params);
    assert_true(needed > 1 << 20);
    params.threads = 64;
    assert_true(wan_session_forecast(plan, &params) >= needed);
    params.threads = WAN_MAX_THREADS + 1;
    assert_int_equal(wan_session_forecast(plan, &params), 0);
    params.threads = 1;
    params.cache_folder = "/tmp";
    assert_true(wan_session_forecast(plan, &params) < needed);
    params.cache_folder = NULL;
    params.limit_memory = needed;
    expect_whole(plan, &params);
    params.limit_memory = needed - 1;
    assert_null(wan_session_new(plan, &params, &error));
    assert_int_equal(error.status, WAN_ERROR_MEMORY);
    assert_non_null(strstr(error.message, "a session is expected to take"));
    params.size = offsetof(struct wan_session_params, limit_memory);
    expect_whole(plan, &params);
}

// Whether the system has such pages reserved, a test cannot say: then the frames are the same, else it is told.
static void test_huge_pages(void **state) {
    (void)state;
    struct wan_error error;
    struct wan_session_params params = one_thread;
    const uint64_t ordinary = wan_session_forecast(plan, &params);
    params.huge_pages = 1;
    assert_true(wan_session_forecast(plan, &params) < ordinary);
    struct wan_session *s = wan_session_new(plan, &params, &error);
    if (s == NULL) {
        assert_int_equal(error.status, WAN_ERROR_MEMORY);
        assert_non_null(strstr(error.message, "huge pages"));
    } else {
        wan_session_free(s);
        expect_whole(plan, &params);
    }
    params.cache_folder = "/tmp";
    assert_null(wan_session_new(plan, &params, &error));
    assert_int_equal(error.status, WAN_ERROR_ARGUMENT);
}

// ---- callbacks

struct memory {
    size_t live, calls, most;
    bool refuse;
};

static void *take(void *context, size_t size, size_t alignment) {
    struct memory *m = context;
    assert_true(size % alignment == 0);
    if (m->refuse) return NULL;
    m->live += size;
    m->calls++;
    unsigned char *p = aligned_alloc(alignment, size);
    return memset(p, 0xa5, size); // libwan must not count on zeros
}

static void give(void *context, void *p, size_t size) {
    struct memory *m = context;
    m->live -= size;
    free(p);
}

static void test_allocator(void **state) {
    (void)state;
    struct memory of_plan = {0}, of_session = {0};
    const struct wan_allocator a = {sizeof a, take, give, &of_plan}, b = {sizeof b, take, give, &of_session};
    const struct wan_open_params open = {.size = sizeof open, .allocator = &a};
    struct wan_plan *p = wan_plan_open_memory(data, bytes, &open, NULL);
    expect_whole(p, NULL);
    assert_true(of_plan.calls >= 6 && of_plan.live > 0); // packed weights stay
    size_t before = of_plan.calls;
    expect_whole(p, &(struct wan_session_params){
                        .size = sizeof(struct wan_session_params), .threads = 1, .allocator = &b});
    assert_true(of_plan.calls == before && of_session.calls >= 5 && of_session.live == 0);
    struct wan_error error;
    of_session.refuse = true;
    assert_null(wan_session_new(p,
                                &(struct wan_session_params){
                                    .size = sizeof(struct wan_session_params), .threads = 1, .allocator = &b},
                                &error));
    assert_int_equal(error.status, WAN_ERROR_MEMORY);
    wan_plan_close(p);
    assert_int_equal(of_plan.live, 0);
}

struct lines {
    int count[WAN_LOG_INFO + 1];
    char last[1024];
};

static void listen(void *context, wan_log_level level, const char *message) {
    struct lines *l = context;
    l->count[level]++;
    strncpy(l->last, message, sizeof l->last - 1);
}

static void test_log(void **state) {
    (void)state;
    struct lines lines = {0};
    struct wan_error error;
    const struct wan_open_params open = {.size = sizeof open, .log = listen, .log_context = &lines};
    struct wan_plan *p = wan_plan_open_memory(data, bytes, &open, NULL);
    int notes = 0;
    while (wan_plan_note(p, (size_t)notes) != NULL) notes++;
    assert_int_equal(lines.count[WAN_LOG_WARNING], notes);
    struct wan_session *s = wan_session_new(p, &one_thread, NULL);
    float bad[LATENT] = {NAN};
    assert_int_equal(wan_session_send(s, bad, &error), WAN_ERROR_INPUT);
    assert_int_equal(lines.count[WAN_LOG_ERROR], 1);
    assert_string_equal(lines.last, error.message);
    wan_session_free(s);
    wan_plan_close(p);
}

struct stop {
    size_t at, calls, count, last_done;
};

static int stop_at(void *context, size_t done, size_t count) {
    struct stop *s = context;
    assert_true(done < count && done >= s->last_done);
    s->count = count;
    s->last_done = done;
    return s->calls++ == s->at;
}

static void test_cancel(void **state) {
    (void)state;
    static struct video v;
    struct wan_error error;
    struct stop stop = {.at = SIZE_MAX};
    struct wan_session_params params = {
        .size = sizeof params, .threads = 1, .progress = stop_at, .progress_context = &stop};
    struct wan_session *s = wan_session_new(plan, &params, NULL);
    assert_int_equal(wan_session_send(s, latents[0], NULL), WAN_OK);
    memcpy(v.frames[0], wan_session_receive(s), sizeof *v.frames);
    assert_true(stop.calls >= stop.count);
    stop = (struct stop){.at = 0}; // in front of the first operator: nothing has happened
    assert_int_equal(wan_session_send(s, latents[1], &error), WAN_ERROR_CANCELLED);
    assert_int_equal(wan_session_pending(s), 0);
    stop = (struct stop){.at = SIZE_MAX};
    assert_int_equal(wan_session_send(s, latents[1], NULL), WAN_OK);
    for (int i = 1; i < 5; i++) memcpy(v.frames[i], wan_session_receive(s), sizeof *v.frames);
    assert_memory_equal(v.frames, whole.frames, 5 * sizeof *v.frames);
    stop = (struct stop){.at = 5};
    assert_int_equal(wan_session_send(s, latents[2], &error), WAN_ERROR_CANCELLED);
    assert_int_equal(stop.calls, 6);
    stop = (struct stop){.at = SIZE_MAX};
    assert_int_equal(wan_session_send(s, latents[2], &error), WAN_ERROR_STATE);
    wan_session_reset(s);
    stop.last_done = 0;
    params.progress = NULL;
    wan_session_free(s);
    expect_whole(plan, &params);
}

// ---- images

static uint8_t byte_of(float x) { // by hand: the nearest of 256 levels
    double v = floor((double)((x * 0.5f + 0.5f) * 255.0f) + 0.5);
    return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v;
}

static void test_images(void **state) {
    (void)state;
    struct wan_session *s = wan_session_new(plan, &one_thread, NULL);
    struct wan_error error;
    assert_int_equal(
        wan_session_receive_into(s, &(struct wan_image){.size = sizeof(struct wan_image)}, &error),
        WAN_ERROR_STATE);
    static float floats[FRAME], padded[FRAME_HEIGHT * 64 * 4];
    static uint8_t rgb[FRAME], upside_down[FRAME];
    wan_session_send(s, latents[0], NULL);
    wan_session_receive(s);
    wan_session_send(s, latents[1], NULL);
    assert_int_equal(wan_session_pending(s), 4);
    const struct wan_image images[] = {{sizeof *images, WAN_FLOAT, floats, 0, 0, 0},
                                       {sizeof *images, WAN_FLOAT, padded, 4, 64 * 16,
                                        16}, // interleaved, four floats a pixel, 64 pixels a row
                                       {sizeof *images, WAN_BYTE, rgb, 0, 0, 0},
                                       {sizeof *images, WAN_BYTE,
                                        upside_down + (FRAME_HEIGHT - 1) * FRAME_WIDTH * 3, 1,
                                        -FRAME_WIDTH * 3, 3}};
    for (int i = 0; i < 4; i++) {
        if (wan_session_receive_into(s, &images[i], &error) != WAN_OK) fail_msg("%s", error.message);
    }
    assert_int_equal(wan_session_pending(s), 0);
    assert_memory_equal(floats, whole.frames[1], sizeof floats);
    for (int y = 0; y < FRAME_HEIGHT; y++) {
        for (int x = 0; x < FRAME_WIDTH; x++) {
            for (int c = 0; c < 3; c++) {
                int at = c * PLANE + y * FRAME_WIDTH + x, flipped = FRAME_HEIGHT - 1 - y;
                assert_true(padded[(y * 64 + x) * 4 + c] == whole.frames[2][at]);
                assert_int_equal(rgb[(y * FRAME_WIDTH + x) * 3 + c], byte_of(whole.frames[3][at]));
                assert_int_equal(upside_down[(flipped * FRAME_WIDTH + x) * 3 + c],
                                 byte_of(whole.frames[4][at]));
            }
        }
    }
    assert_true(padded[3] == 0); // between the pixels nothing is written
    wan_session_free(s);
}

static void test_bad_images(void **state) {
    (void)state;
    struct wan_session *s = wan_session_new(plan, &one_thread, NULL);
    struct wan_error error;
    static float floats[FRAME];
    wan_session_send(s, latents[0], NULL);
    const struct wan_image bad[] = {{0, WAN_FLOAT, floats, 0, 0, 0},
                                    {sizeof *bad, WAN_FLOAT, NULL, 0, 0, 0},
                                    {sizeof *bad, (wan_element)3, floats, 0, 0, 0},
                                    {sizeof *bad, WAN_FLOAT, (char *)floats + 1, 0, 0, 0},
                                    {sizeof *bad, WAN_FLOAT, floats, 1, 12, 3}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(wan_session_receive_into(s, &bad[i], &error), WAN_ERROR_ARGUMENT);
    assert_memory_equal(wan_session_receive(s), whole.frames[0],
                        sizeof *whole.frames); // it was still the next
    wan_session_free(s);
}

// ---- states

struct tape {
    unsigned char bytes[1 << 20];
    size_t written, read, limit;
};

static int tape_write(void *context, const void *from, size_t size) {
    struct tape *t = context;
    if (t->written + size > t->limit) return -1;
    memcpy(t->bytes + t->written, from, size);
    t->written += size;
    return 0;
}

static int tape_read(void *context, void *to, size_t size) {
    struct tape *t = context;
    if (t->read + size > t->limit) return -1;
    memcpy(to, t->bytes + t->read, size);
    t->read += size;
    return 0;
}

static void test_state_by_callbacks(void **state) {
    (void)state;
    static struct tape tape;
    static struct video v;
    struct wan_error error;
    struct wan_session *a = wan_session_new(plan, &one_thread, NULL),
                       *b = wan_session_new(plan, &one_thread, NULL);
    tape.limit = sizeof tape.bytes;
    assert_int_equal(wan_session_save_to(a, tape_write, &tape, &error), WAN_ERROR_STATE);
    for (int t = 0; t < 2; t++) {
        wan_session_send(a, latents[t], NULL);
        while (wan_session_receive(a) != NULL) continue;
    }
    if (wan_session_save_to(a, tape_write, &tape, &error) != WAN_OK) fail_msg("%s", error.message);
    tape.limit = tape.written - 1;
    tape.written = 0;
    assert_int_equal(wan_session_save_to(a, tape_write, &tape, &error), WAN_ERROR_IO);
    assert_int_equal(wan_session_load_from(b, tape_read, &tape, &error), WAN_ERROR_IO);
    assert_int_equal(wan_session_steps(b), 0);
    tape.limit = sizeof tape.bytes;
    for (size_t at = 0; at < 1000; at += 37) { // damage leaves the session as it was
        tape.bytes[at] ^= 8;
        tape.read = 0;
        assert_true(wan_session_load_from(b, tape_read, &tape, &error) != WAN_OK);
        tape.bytes[at] ^= 8;
    }
    tape.read = 0;
    if (wan_session_load_from(b, tape_read, &tape, &error) != WAN_OK) fail_msg("%s", error.message);
    assert_int_equal(wan_session_steps(b), 2);
    decode_into(b, 2, &v);
    assert_memory_equal(v.frames[5], whole.frames[5], 8 * sizeof *v.frames);
    wan_session_free(a);
    wan_session_free(b);
}

// ---- pools

static void test_pools(void **state) {
    (void)state;
    struct wan_error error;
    pthreadpool_t mine = pthreadpool_create(2);
    struct wan_pool *pools[] = {wan_pool_new(1, NULL), wan_pool_of(mine, NULL)};
    for (int i = 0; i < 2; i++) {
        struct wan_session_params params = {.size = sizeof params, .threads = 7, .pool = pools[i]};
        struct wan_session *s = wan_session_new(plan, &params, NULL);
        assert_int_equal(wan_session_threads(s), 1 + i);
        assert_int_equal(wan_session_send(s, latents[0], NULL),
                         WAN_OK); // more would be waiting, on a busy machine
        assert_memory_equal(wan_session_receive(s), whole.frames[0], sizeof *whole.frames);
        wan_session_free(s);
        wan_pool_free(pools[i]);
    }
    assert_int_equal(pthreadpool_get_threads_count(mine), 2); // still there
    pthreadpool_destroy(mine);
    assert_null(wan_pool_new(5000, &error));
    assert_int_equal(error.status, WAN_ERROR_ARGUMENT);
    assert_null(wan_pool_of(NULL, &error));
    wan_pool_free(NULL);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reference),
                                       cmocka_unit_test(test_plan_in_memory_stays),
                                       cmocka_unit_test(test_bad_plan_in_memory),
                                       cmocka_unit_test(test_sizes_of_structures),
                                       cmocka_unit_test(test_structures_that_grew),
                                       cmocka_unit_test(test_allocator),
                                       cmocka_unit_test(test_log),
                                       cmocka_unit_test(test_limit_memory),
                                       cmocka_unit_test(test_huge_pages),
                                       cmocka_unit_test(test_cancel),
                                       cmocka_unit_test(test_images),
                                       cmocka_unit_test(test_bad_images),
                                       cmocka_unit_test(test_state_by_callbacks),
                                       cmocka_unit_test(test_pools)};
    if (argc != 2) return 2;
    decoder_load(argv[1]);
    return cmocka_run_group_tests_name("api", tests, open_plan, close_plan);
}
